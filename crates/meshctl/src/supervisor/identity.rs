//! As whom a process runs.

use std::fs;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::error::{CliError, Kind};

/// Numbers of a user and a group, where they are not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
}

impl Identity {
    /// Names or numbers; a user brings the own group along.
    pub(crate) fn resolve(
        user: Option<&str>,
        group: Option<&str>,
    ) -> Result<Option<Self>, CliError> {
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        if cfg!(windows) {
            return Err(CliError::new("`--user` and `--group` need Unix").of_kind(Kind::Usage));
        }
        let identity = Self {
            user: user.map(|user| number_of_user(user, "-u")).transpose()?,
            group: match (group, user) {
                (Some(group), _) => Some(number_of_group(group)?),
                (None, Some(user)) => Some(number_of_user(user, "-g")?),
                (None, None) => None,
            },
        };
        Ok(Some(identity))
    }
}

/// Asks `id`, which knows users of directories as well; `question` is `-u` or `-g`.
fn number_of_user(user: &str, question: &str) -> Result<u32, CliError> {
    let output = Command::new("id")
        .args([question, "--", user])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let told = output.ok().filter(|output| output.status.success());
    told.and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok())
        // A number needs no entry anywhere.
        .or_else(|| user.parse().ok())
        .ok_or_else(|| unknown("user", user))
}

fn number_of_group(group: &str) -> Result<u32, CliError> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    groups
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok())?
        })
        .ok_or_else(|| unknown("group", group))
}

fn unknown(what: &str, name: &str) -> CliError {
    CliError::new(format!("there is no {what} `{name}`"))
        .of_kind(Kind::NotFound)
        .hint("use a name that this system knows, or a number")
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_understood() {
        assert_eq!(Identity::resolve(None, None).unwrap(), None);
        let root = Identity {
            user: Some(0),
            group: Some(0),
        };
        assert_eq!(Identity::resolve(Some("root"), None).unwrap(), Some(root));
        let numbers = Identity {
            user: Some(4711),
            group: Some(815),
        };
        assert_eq!(
            Identity::resolve(Some("4711"), Some("815")).unwrap(),
            Some(numbers)
        );
        let error = Identity::resolve(Some("nobody-of-that-name"), None).unwrap_err();
        assert_eq!(error.to_string(), "there is no user `nobody-of-that-name`");
    }
}
