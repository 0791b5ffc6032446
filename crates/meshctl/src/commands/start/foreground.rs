//! Staying with the agents: their output on the terminal until they end or the user ends them.

use std::time::Duration;

use tokio::time::sleep;

use super::session::Session;
use crate::commands::Context;
use crate::error::CliError;
use crate::home::ProcessName;
use crate::log_file::Follower;
use crate::supervisor::Launched;
use crate::supervisor::platform::{Platform, ProcessGroups};

/// How often logs and processes are looked at.
const POLL: Duration = Duration::from_millis(50);

/// What is shown of one process.
struct Shown {
    follower: Follower,
    /// Written before each line when there are several.
    prefix: String,
    /// The end of a line that is not complete yet.
    rest: Vec<u8>,
    ended: bool,
}

/// Whether a process may still write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Ended,
}

/// Shows what the processes write. Returns when all ended, or when the user interrupts; then
/// everything that was started here is stopped first.
pub(super) async fn attend(
    mut session: Session<'_>,
    context: &mut Context,
) -> Result<(), CliError> {
    let processes = session.main_processes();
    let several = processes.len() > 1;
    let mut shown: Vec<Shown> = processes
        .iter()
        .map(|process| Shown::new(process, several))
        .collect();
    if !session.agents.is_empty() {
        context
            .printer
            .say("Agents are running. Press Ctrl+C to stop all services.")?;
    }
    let outcome = tokio::select! {
        outcome = watch(&mut session, &mut shown, context) => outcome,
        interrupted = Platform::interrupted() => interrupted.map_err(CliError::from),
    };
    // A second interrupt means "at once".
    let users = tokio::select! {
        users = session.end() => users?,
        _ = Platform::interrupted() => {
            return Err(CliError::new("interrupted while stopping")
                .hint("`meshctl stop --force` ends what is left"));
        }
    };
    outcome?;
    for shown in &mut shown {
        shown.print_new(Stage::Ended, context)?;
    }
    if !users.is_empty() {
        let users: Vec<&str> = users.iter().map(ProcessName::as_str).collect();
        context.printer.say(format_args!(
            "The registry keeps running for: {}",
            users.join(", ")
        ))?;
    }
    Ok(())
}

/// Returns when all processes ended; an error if one failed.
async fn watch(
    session: &mut Session<'_>,
    all_shown: &mut [Shown],
    context: &mut Context,
) -> Result<(), CliError> {
    let mut processes = session.main_processes();
    let mut failures = Vec::new();
    loop {
        for (process, shown) in processes.iter_mut().zip(all_shown.iter_mut()) {
            if shown.ended {
                continue;
            }
            // Asked before the log is read, so that its last words are read as well.
            let Some(status) = process.ended() else {
                shown.print_new(Stage::Running, context)?;
                continue;
            };
            shown.print_new(Stage::Ended, context)?;
            shown.ended = true;
            let name = &process.name;
            context
                .printer
                .note(format_args!("'{name}' ended ({status})"))?;
            if !status.success() && !Platform::was_terminated(status) {
                failures.push(format!("'{name}' failed ({status})"));
            }
        }
        if all_shown.iter().all(|shown| shown.ended) {
            break;
        }
        sleep(POLL).await;
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(CliError::new(failures.join("; ")))
    }
}

impl Shown {
    fn new(process: &Launched, is_one_of_several: bool) -> Self {
        Self {
            follower: Follower::from_start(&process.log),
            prefix: if is_one_of_several {
                format!("{} | ", process.name)
            } else {
                String::new()
            },
            rest: Vec::new(),
            ended: false,
        }
    }

    fn print_new(&mut self, stage: Stage, context: &mut Context) -> Result<(), CliError> {
        let new = self
            .follower
            .read()
            .map_err(|error| CliError::new("cannot read a log").because(error))?;
        let text = self.lines(&new, stage);
        context.printer.raw(&text)?;
        Ok(())
    }

    /// The complete lines in `new`, each with the prefix; at the end the incomplete one as well.
    fn lines(&mut self, new: &[u8], stage: Stage) -> Vec<u8> {
        self.rest.extend_from_slice(new);
        let complete = if stage == Stage::Ended {
            self.rest.len()
        } else {
            let newline = self.rest.iter().rposition(|byte| *byte == b'\n');
            newline.map_or(0, |at| at + 1)
        };
        let mut text = Vec::new();
        for line in self.rest[..complete].split_inclusive(|byte| *byte == b'\n') {
            text.extend_from_slice(self.prefix.as_bytes());
            text.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                text.push(b'\n');
            }
        }
        self.rest.drain(..complete);
        text
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn lines_of_several_processes_never_mix() {
        let mut shown = Shown {
            follower: Follower::from_start(Path::new("x")),
            prefix: "a | ".to_owned(),
            rest: Vec::new(),
            ended: false,
        };
        assert_eq!(shown.lines(b"one\ntw", Stage::Running), b"a | one\n");
        assert_eq!(shown.lines(b"o\n", Stage::Running), b"a | two\n");
        assert_eq!(shown.lines(b"thr", Stage::Running), b"");
        assert_eq!(shown.lines(b"ee", Stage::Ended), b"a | three\n");
    }
}
