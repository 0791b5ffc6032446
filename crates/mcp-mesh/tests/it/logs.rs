//! `logs`: spans of time over several logs, and whose they are.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, SystemTime};

use mesh_test::{Piped, TestContext, mesh_snapshot, test_context};

/// A log that was written to last in `year`.
fn log(context: &TestContext, name: &str, year: u64, text: &str) {
    let path = context.write(&format!(".mcp-mesh/logs/{name}.log"), text);
    let at =
        SystemTime::UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_557_600 + 86_400 * 200);
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(at).expect("a time");
}

/// `meshctl logs`, two hours east of Greenwich.
fn logs(context: &TestContext, arguments: &[&str]) -> Command {
    let mut command = context.meshctl();
    command.arg("logs").args(arguments).env("TZ", "XYZ-2");
    command
}

fn three_starts() -> TestContext {
    let context = test_context!();
    log(
        &context,
        "greeter.2",
        2020,
        "started first\n2020-05-01 10:00:00 INFO one\n",
    );
    log(
        &context,
        "greeter.1",
        2021,
        "started second\n2021-05-01 10:00:00 INFO two\n  Traceback of two\ncut off",
    );
    log(
        &context,
        "greeter",
        2022,
        "started third\n2022-05-01T08:00:00.250Z INFO three\n2022-05-01 12:00:00,125 INFO four\n",
    );
    context
}

#[test]
fn a_span_of_time_reaches_over_several_starts() {
    let context = three_starts();
    mesh_snapshot!(context, logs(&context, &["greeter"]), @r"
        exit: 0
        ----- stdout -----
        started third
        [TIMESTAMP] INFO three
        [TIMESTAMP],125 INFO four
        ----- stderr -----
        ");
    mesh_snapshot!(context, logs(&context, &["greeter", "--since", "2021-01-01"]), @r"
        exit: 0
        ----- stdout -----
        started second
        [TIMESTAMP] INFO two
          Traceback of two
        cut off
        started third
        [TIMESTAMP] INFO three
        [TIMESTAMP],125 INFO four
        ----- stderr -----
        ");
    mesh_snapshot!(
        context,
        logs(&context, &["greeter", "--since", "2020-01-01", "--until", "2021-05-01 10:00"]),
        @r"
            exit: 0
            ----- stdout -----
            started first
            [TIMESTAMP] INFO one
            started second
            [TIMESTAMP] INFO two
              Traceback of two
            cut off
            ----- stderr -----
            "
    );
    // Ten o'clock there is eight o'clock in Greenwich.
    mesh_snapshot!(
        context,
        logs(&context, &["greeter", "--since", "2022-05-01 10:00", "--until", "2022-05-01T09:00:00Z"]),
        @r"
            exit: 0
            ----- stdout -----
            started third
            [TIMESTAMP] INFO three
            ----- stderr -----
            "
    );
    mesh_snapshot!(context, logs(&context, &["greeter", "--since", "2020-01-01", "-n", "2"]), @r"
        exit: 0
        ----- stdout -----
        [TIMESTAMP] INFO three
        [TIMESTAMP],125 INFO four
        ----- stderr -----
        ");
    mesh_snapshot!(context, logs(&context, &["greeter", "-p", "2", "--until", "2020-05-01"]), @r"
        exit: 0
        ----- stdout -----
        started first
        ----- stderr -----
        ");
    mesh_snapshot!(context, logs(&context, &["greeter", "--since", "1.5h"]), @r"
        exit: 0
        ----- stdout -----
        ----- stderr -----
        no line in the logs of `greeter` is from that time
        ");
}

#[test]
fn every_line_has_a_time_on_request() {
    let context = three_starts();
    let output = logs(
        &context,
        &["greeter", "--timestamps", "--since", "2021-01-01"],
    )
    .output();
    let output = String::from_utf8(output.expect("it runs").stdout).expect("UTF-8");
    insta::assert_snapshot!(output, @r"
        -                   started second
        2021-05-01 10:00:00 INFO two
        2021-05-01 10:00:00   Traceback of two
        2021-05-01 10:00:00 cut off
        -                   started third
        2022-05-01T08:00:00.250Z INFO three
        2022-05-01 12:00:00,125 INFO four
        ");
}

#[test]
fn what_is_no_time_and_no_log_is_told() {
    let context = three_starts();
    mesh_snapshot!(context, logs(&context, &["greeter", "--since", "yesterday"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `--since yesterday` is not a point in time
        Hint: write a span such as `10m` or `2d`, `HH:MM`, or `YYYY-MM-DD [HH:MM[:SS]]`
        ");
    mesh_snapshot!(context, logs(&context, &["greeter", "--since", "1h", "--until", "2h"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `--since` lies after `--until`: nothing can be in between
        Hint: spans count back from now: `--since 2h --until 1h` is the hour before the last
        ");
    mesh_snapshot!(context, logs(&context, &["greeter", "-p", "3"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: log file not found for agent 'greeter'
        Hint: 2 earlier starts have logs, `-p 1` to `-p 2`; `meshctl logs --list` shows the logs that there are
        ");
    log(&context, "clock", 2022, "started once\n");
    mesh_snapshot!(context, logs(&context, &["clock", "-p"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: log file not found for agent 'clock'
        Hint: there is none of an earlier start; `meshctl logs --list` shows the logs that there are
        ");
    log(&context, "old.2", 2020, "a script that is gone\n");
    mesh_snapshot!(context, logs(&context, &["old"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: log file not found for agent 'old'
        Hint: one earlier start has a log, `-p 2`; `meshctl logs --list` shows the logs that there are
        ");
    mesh_snapshot!(context, logs(&context, &["greter"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: log file not found for agent 'greter'
        Hint: did you mean `greeter`?
        ");
    mesh_snapshot!(context, logs(&context, &["greeter", "-f", "--until", "2h"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the argument '--follow' cannot be used with '--until <WHEN>'

        Usage: meshctl logs --follow <AGENT>

        For more information, try '--help'.
        ");
    // An instance is called like its agent, with a random end.
    mesh_snapshot!(context, logs(&context, &["greeter-1a2b3c4d", "-n", "1"]), @r"
        exit: 0
        ----- stdout -----
        [TIMESTAMP],125 INFO four
        ----- stderr -----
        ");
}

#[test]
fn following_starts_in_the_past_and_misses_no_restart() {
    let context = three_starts();
    let arguments = [
        "greeter",
        "-f",
        "--since",
        "2021-05-01 11:00",
        "--timestamps",
    ];
    let follow = Piped::new(logs(&context, &arguments));
    let next = || {
        let line = follow.line();
        // After the seconds and what parts them from the rest.
        line[20..].to_owned()
    };
    assert_eq!(next(), "started third");
    assert_eq!(next(), "250Z INFO three");
    assert_eq!(next(), "125 INFO four");
    let current = context.state().join("logs/greeter.log");
    let append = |text: &str| {
        let mut file = File::options().append(true).create(true).open(&current);
        let file = file.as_mut().expect("a log");
        file.write_all(text.as_bytes()).expect("it can be written");
    };
    append("five\n");
    assert_eq!(next(), "five");
    // Two starts at once.
    append("six\n");
    let earlier = |name: &str| context.state().join("logs").join(name);
    for _ in 0..2 {
        let (first, second) = (earlier("greeter.1.log"), earlier("greeter.2.log"));
        std::fs::rename(&first, second).expect("renamed");
        std::fs::rename(&current, first).expect("renamed");
        append("again\n");
    }
    assert_eq!([next(), next(), next()], ["six", "again", "again"]);
}

#[cfg(target_os = "linux")]
#[test]
fn following_ends_by_the_signal_of_ctrl_c() {
    use std::os::unix::process::ExitStatusExt as _;

    let context = three_starts();
    let follow = logs(&context, &["greeter", "-f"]);
    let mut terminal = mesh_test::terminal::Terminal::run(&follow, (10, 80));
    terminal.until("the log is shown", |screen| screen.contains("INFO four"));
    terminal.press(b"\x03");
    assert_eq!(terminal.wait().signal(), Some(2));
}
