//! The names that agents choose for themselves.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest agent id, in characters.
pub const MAX_AGENT_ID: usize = 253;
/// The longest agent name and namespace, in characters.
pub const MAX_LABEL: usize = 63;

/// An id or name that breaks the rule; the text says which part of the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing was given.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("`{text}` is longer than {max} characters")]
    TooLong {
        /// What was given, cut to the allowed length.
        text: String,
        /// How many are allowed.
        max: usize,
    },
    /// A character outside the alphabet, or a hyphen at an end.
    #[error(
        "`{0}` may hold only lower-case letters, digits and hyphens, and must start and end with a letter or digit"
    )]
    Characters(String),
}

fn check(text: &str, max: usize) -> Result<(), InvalidName> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return Err(InvalidName::Empty);
    };
    if bytes.len() > max {
        return Err(InvalidName::TooLong {
            text: text.chars().take(max).collect(),
            max,
        });
    }
    if plain(first) && plain(last) && bytes.iter().all(|&b| plain(b) || b == b'-') {
        Ok(())
    } else {
        Err(InvalidName::Characters(text.to_owned()))
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        ///
        /// Cheap to clone: copies share one text.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>); // Private: parsing is the only way in.

        impl $name {
            /// Checks `text` against the rule.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                check(text, $max).map(|()| Self(text.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// One running agent: `<name>-<8 hex digits>` as the SDKs build it.
    AgentId, MAX_AGENT_ID
}
name! {
    /// The name that replicas of one agent share, and the namespace that they live in.
    Label, MAX_LABEL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_lower_case_words_joined_by_hyphens() {
        for good in ["a", "greeter-1a2b3c4d", "0", &"x".repeat(MAX_AGENT_ID)] {
            assert_eq!(AgentId::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(AgentId::parse(""), Err(InvalidName::Empty));
        for bad in ["-a", "a-", "A", "a_b", "ä", "a b", "a/b"] {
            assert_eq!(
                AgentId::parse(bad),
                Err(InvalidName::Characters(bad.to_owned()))
            );
        }
        assert!(matches!(
            AgentId::parse(&"x".repeat(MAX_AGENT_ID + 1)),
            Err(InvalidName::TooLong {
                max: MAX_AGENT_ID,
                ..
            })
        ));
        assert!(Label::parse(&"x".repeat(MAX_LABEL + 1)).is_err());
    }
}
