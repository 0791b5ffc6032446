//! What a command reports when it fails: one message, perhaps a hint, and what kind of failure it was.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use mesh_client::ClientError;
use mesh_core::Hint as _;
use mesh_core::env::EnvVars;

/// The longest message that is taken from somebody else, in characters.
const LONGEST_LINE: usize = 400;

/// What kind of failure it was. The numbers are exit codes under `--exit-code`: scripts depend on
/// them, and `meshctl --help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The reader of our output went away, which is its right: success.
    ClosedPipe = 0,
    /// The command could not be carried out.
    Failed = 1,
    /// The arguments, a variable or the configuration make no sense.
    Usage = 2,
    /// No such agent, tool, job, file, …
    NotFound = 3,
    /// The registry cannot be asked.
    Unreachable = 4,
    /// A tool, a job or the registry answered with an error.
    Refused = 5,
    /// Something is in the way: already running, exists already, ambiguous, in a final state.
    Conflict = 6,
    /// Something that the command needs is not installed or not set up.
    Prerequisite = 7,
    /// It took too long.
    TimedOut = 8,
}

/// Which exit codes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCodes {
    /// 0 and 1.
    Plain,
    /// One for each [`Kind`].
    Fine,
}

impl Kind {
    /// What the process ends with after an error of this kind.
    pub(crate) fn exit_code(self, codes: ExitCodes) -> ExitCode {
        match (self, codes) {
            (Self::ClosedPipe, _) => ExitCode::SUCCESS,
            (_, ExitCodes::Plain) => ExitCode::FAILURE,
            (kind, ExitCodes::Fine) => ExitCode::from(kind as u8),
        }
    }
}

/// Why a command ends without success. Scripts expect the exit code 1, whatever the kind, unless they
/// ask for more with `--exit-code`.
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

    /// Says what kind of failure it is.
    pub(crate) fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
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
        let source = root_cause(&error);
        // Somebody is there, and is not believed.
        let hint = if error.is_distrust() {
            Some(format!(
                "name the authority to trust with `{}`, or believe anyone with `--insecure`",
                EnvVars::MCP_MESH_TLS_CA
            ))
        } else {
            hint
        };
        let kind = match &error {
            ClientError::InvalidUrl { .. } => Kind::Usage,
            ClientError::Unreachable { .. } => Kind::Unreachable,
            ClientError::Timeout { .. } => Kind::TimedOut,
            error if error.is_not_found() => Kind::NotFound,
            ClientError::Refused { status: 409, .. } => Kind::Conflict,
            ClientError::Refused { .. } => Kind::Refused,
            _ => Kind::Failed,
        };
        Self {
            kind,
            source: source.map(Into::into),
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

/// What went wrong with a temporary file, without its name, which is nobody's.
pub(crate) fn unnamed(error: io::Error) -> io::Error {
    // The library names it beside the cause, and keeps the kind alone accessible.
    match error.raw_os_error() {
        Some(_) => error,
        None => error.kind().into(),
    }
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
    fn codes_are_fine_on_request() {
        let code = |kind: Kind, codes| format!("{:?}", kind.exit_code(codes));
        let number = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(code(Kind::NotFound, ExitCodes::Plain), number(1));
        assert_eq!(code(Kind::NotFound, ExitCodes::Fine), number(3));
        assert_eq!(code(Kind::ClosedPipe, ExitCodes::Fine), number(0));
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
