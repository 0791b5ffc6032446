//! What a command reports when it fails: one message, perhaps a hint, always exit code 1.

use std::error::Error;
use std::fmt;
use std::io;

use mesh_client::ClientError;
use mesh_core::Hint as _;

/// The longest message that is taken from somebody else, in characters.
const LONGEST_LINE: usize = 400;

/// What kind of failure it was, which decides what is printed beside the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command could not be carried out.
    Failed,
    /// The reader of our output went away, which is its right: success.
    ClosedPipe,
}

/// Why a command ends without success. Scripts expect the exit codes 0 and 1 and no others.
#[derive(Debug)]
pub(crate) struct CliError {
    kind: Kind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hint: Option<String>,
    details: Vec<String>,
}

impl CliError {
    /// A failure described by `message`.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Failed,
            message: message.into(),
            source: None,
            hint: None,
            details: Vec::new(),
        }
    }

    /// Adds the cause; its text follows the message after a colon.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds what the user may try.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what the user may try, unless something is advised already.
    pub(crate) fn or_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Adds lines that are shown before the message, such as the end of a log.
    pub(crate) fn details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    pub(crate) fn detail_lines(&self) -> &[String] {
        &self.details
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for CliError {
    /// The message and its causes, joined by colons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static));
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for CliError {}

/// Output failed. The only `io::Error` that a command passes on as it is; operations on files
/// name the file through [`CliError::because`].
impl From<io::Error> for CliError {
    fn from(source: io::Error) -> Self {
        let kind = if source.kind() == io::ErrorKind::BrokenPipe {
            Kind::ClosedPipe
        } else {
            Kind::Failed
        };
        Self {
            kind,
            ..Self::new("cannot write the output").because(source)
        }
    }
}

/// The client names the operation and the address itself.
impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let hint = error.hint().map(std::borrow::Cow::into_owned);
        let message = one_line(&error.to_string());
        let source = root_cause(&error).map(Into::into);
        Self {
            source,
            hint,
            ..Self::new(message)
        }
    }
}

/// A text of somebody else's, such as a page of HTML, as one line of sensible length.
pub(crate) fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST_LINE {
        return line;
    }
    let cut: String = line.chars().take(LONGEST_LINE).collect();
    format!("{cut}…")
}

/// The innermost cause: "connection refused", without the layers that it went through.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_its_cause() {
        let error = CliError::new("cannot read `x`")
            .because(io::Error::other("denied"))
            .hint("look");
        assert_eq!(error.to_string(), "cannot read `x`: denied");
        assert_eq!(error.hint_text(), Some("look"));
    }

    #[test]
    fn foreign_text_is_one_line() {
        assert_eq!(one_line("<html>\n  <p>no\t</p>"), "<html> <p>no </p>");
        assert_eq!(one_line(&"x".repeat(500)).chars().count(), LONGEST_LINE + 1);
    }

    #[test]
    fn a_closed_pipe_is_told_apart() {
        let closed = CliError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(closed.kind(), Kind::ClosedPipe);
        assert_eq!(
            CliError::from(io::Error::other("full")).kind(),
            Kind::Failed
        );
    }
}
