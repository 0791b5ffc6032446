//! The id of a trace.

use std::fmt;

use crate::error::{CliError, Kind};

const DIGITS: usize = 32;

/// What all spans of one call from outside have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceId(String); // Private: parsing and making are the only ways in.

impl TraceId {
    /// One that nobody has used.
    pub(crate) fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    /// Reads what was typed; letters are small in what agents publish.
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        let length = text.chars().count();
        let wrong = if let Some(other) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
            format!("it holds {other:?}")
        } else if length != DIGITS {
            format!("it is {length} long")
        } else {
            return Ok(Self(text.to_ascii_lowercase()));
        };
        let message = format!("`{text}` is not the id of a trace: {wrong}");
        Err(CliError::new(message).of_kind(Kind::Usage).hint(format!(
            "an id is {DIGITS} hexadecimal digits, as `meshctl call --trace` prints it"
        )))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_agents_publish_it() {
        let id = TraceId::parse("0123456789ABCDEF0123456789abcdef").unwrap();
        assert_eq!(id.as_str(), "0123456789abcdef0123456789abcdef");
        assert_eq!(
            TraceId::parse(TraceId::random().as_str()).unwrap().0.len(),
            DIGITS
        );
    }

    #[test]
    fn what_is_none_says_why() {
        let said = |text: &str| TraceId::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(said("abc123"), @"`abc123` is not the id of a trace: it is 6 long");
        insta::assert_snapshot!(said("01234567-89ab"), @"`01234567-89ab` is not the id of a trace: it holds '-'");
        insta::assert_snapshot!(said(""), @"`` is not the id of a trace: it is 0 long");
    }
}
