//! One snapshot of what a command did: exit code, results, remarks.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// A command of ours that runs longer than this hangs.
const LIMIT: Duration = Duration::from_mins(2);
/// How long output may trickle in after the command's end, from what it left running.
const TAIL: Duration = Duration::from_secs(20);

/// Runs `command` to its end and renders exit code, standard output and standard error.
///
/// # Panics
///
/// If the command cannot be started, or does not end in time.
#[must_use]
pub fn transcript(command: &mut Command) -> String {
    let Ended { code, out, err } = run(command);
    format!("exit: {code}\n----- stdout -----\n{out}----- stderr -----\n{err}")
}

/// Types each of `lines`, one after the other, and renders what a terminal shows then: whatever is
/// printed, and the exit code. Blanks part the words.
///
/// # Panics
///
/// As [`transcript`] does.
#[must_use]
pub fn session(meshctl: impl Fn() -> Command, lines: &[impl AsRef<str>]) -> String {
    let shown = lines.iter().map(|line| {
        let line = line.as_ref();
        let Ended { code, out, err } = run(meshctl().args(line.split_whitespace()));
        format!("$ meshctl {line}\n{out}{err}exit: {code}\n")
    });
    shown.collect::<Vec<_>>().concat()
}

struct Ended {
    code: String,
    out: String,
    err: String,
}

fn run(command: &mut Command) -> Ended {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command exists");
    let stdout = collect(child.stdout.take().expect("it is piped"));
    let stderr = collect(child.stderr.take().expect("it is piped"));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is our child") {
            break status;
        }
        if start.elapsed() > LIMIT {
            // It may just have ended.
            let _ = child.kill();
            panic!("{command:?} did not end within {LIMIT:?}");
        }
        thread::sleep(Duration::from_millis(2));
    };
    Ended {
        code: code(status),
        out: finished(&stdout, "stdout"),
        err: finished(&stderr, "stderr"),
    }
}

fn code(status: ExitStatus) -> String {
    status
        .code()
        .map_or_else(|| status.to_string(), |code| code.to_string())
}

fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if pipe.read_to_end(&mut bytes).is_ok() {
            // Nobody listens once the test has failed.
            let _ = sender.send(bytes);
        }
    });
    receiver
}

/// The whole stream, with a newline at its end.
fn finished(stream: &Receiver<Vec<u8>>, name: &str) -> String {
    let bytes = stream
        .recv_timeout(TAIL)
        .unwrap_or_else(|_| panic!("something that the command left running holds its {name}"));
    let mut text = String::from_utf8(bytes).expect("our output is UTF-8");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Runs a command and compares its transcript, with what varies filtered by the context.
///
/// ```text
/// mesh_snapshot!(context, context.meshctl().arg("list"), @r"
/// exit: 0
/// ----- stdout -----
/// ");
/// ```
#[macro_export]
macro_rules! mesh_snapshot {
    // Of what somebody has said already.
    ($context:expr, said: $said:expr, @$snapshot:literal) => {{
        let filters = $context.filters();
        let filters: ::std::vec::Vec<(&str, &str)> = filters
            .iter()
            .map(|(pattern, name)| (pattern.as_str(), name.as_str()))
            .collect();
        let said = $said;
        $crate::insta::with_settings!({ filters => filters }, {
            $crate::insta::assert_snapshot!(said, @$snapshot);
        });
    }};
    ($context:expr, $command:expr, @$snapshot:literal) => {
        $crate::mesh_snapshot!($context, said: $crate::transcript(&mut $command), @$snapshot)
    };
}
