//! Whom the system sees when this process opens files.

use std::fmt;

use super::platform::user_id;

/// The user that this process runs as, where users have numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User(Option<u32>);

impl User {
    pub(crate) fn of_process() -> Self {
        Self(user_id())
    }

    /// The number, which is all that a container knows of its user.
    pub(crate) fn id(self) -> Option<u32> {
        self.0
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "user {id}"),
            None => f.write_str("this user"),
        }
    }
}
