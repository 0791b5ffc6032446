//! `list --watch`, in a terminal and in a pipe, and what else depends on which it is.

use std::process::Command;

use mesh_test::{Piped, TestContext, test_context};
use serde_json::Value;

fn register(context: TestContext, name: &str) -> TestContext {
    context.with_agent(name, "http://127.0.0.1:9000")
}

fn leave(context: &TestContext, id: &str) {
    let mut connection = context.registry().connect().expect("the registry listens");
    let answer = connection.send("DELETE", &format!("/agents/{id}"), b"");
    assert_eq!(answer.expect("an answer").status, 204);
}

fn watch(context: &TestContext) -> Command {
    let mut command = context.meshctl();
    command.args(["list", "--watch", "--interval", "100ms"]);
    command
}

/// The next change, as its kind, whose it is and how that is.
fn change(piped: &Piped) -> [String; 3] {
    let text = piped.line();
    let change: Value = serde_json::from_str(&text).expect("JSON");
    mesh_test::assert_matches_schema(&crate::schemas::schema("list-watch"), &change);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let what = if change["agent"].is_null() {
        &change["registry"]
    } else {
        &change["agent"]
    };
    [
        word(&change["change"]),
        word(&what["id"]),
        word(&what["status"]),
    ]
}

#[test]
fn a_program_gets_a_line_of_json_for_every_change() {
    let context = register(test_context!(), "one");
    let mut command = watch(&context);
    command.arg("--json");
    let piped = Piped::new(command);
    assert_eq!(change(&piped), ["registry", "", "running"]);
    assert_eq!(change(&piped), ["added", "one", "healthy"]);
    let mut context = register(context, "two");
    assert_eq!(change(&piped), ["added", "two", "healthy"]);
    leave(&context, "one");
    assert_eq!(change(&piped), ["changed", "one", "unhealthy"]);
    // The registry may come and go; what stayed as it was is not told again.
    context.registry_mut().kill_9().expect("it was running");
    assert_eq!(change(&piped), ["registry", "", "not running"]);
    context.registry_mut().restart().expect("it starts again");
    assert_eq!(change(&piped), ["registry", "", "running"]);
    let context = register(context, "three");
    assert_eq!(change(&piped), ["added", "three", "healthy"]);
    drop(context);
}

#[test]
fn a_pipe_gets_a_line_for_every_change() {
    let context = register(test_context!(), "one");
    let piped = Piped::new(watch(&context));
    let lines = [piped.line(), piped.line(), piped.line()];
    leave(&context, "one");
    let last = piped.line();
    let mut filters = context.filters();
    // Ports and times are of different lengths.
    filters.push((" {2,}".to_owned(), "  ".to_owned()));
    let filters: Vec<(&str, &str)> = filters
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    insta::with_settings!({ filters => filters }, {
        insta::assert_snapshot!(format!("{}\n{last}", lines.join("\n")), @r"
        TIME  CHANGE  NAME  STATUS  DEPS  CAPS  ENDPOINT
        [TIMESTAMP]  registry  [REGISTRY]  running
        [TIMESTAMP]  added  one  healthy  0/0  1/1  127.0.0.1:9000
        [TIMESTAMP]  changed  one  unhealthy  0/0  0/1  127.0.0.1:9000
        ");
    });
    #[cfg(unix)]
    {
        let mut piped = piped;
        let pid = piped.child().id().to_string();
        let mut kill = Command::new("kill");
        assert!(
            kill.args(["-TERM", &pid])
                .status()
                .expect("it runs")
                .success()
        );
        let status = piped.child().wait().expect("it ends");
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(15)
        );
    }
}

#[test]
fn a_registry_that_is_not_there_yet_is_waited_for_and_a_wrong_address_is_not() {
    let context = test_context!();
    let mut command = watch(&context);
    command.args(["--json", "--registry-port", "1"]);
    assert_eq!(
        change(&Piped::new(command)),
        ["registry", "", "not running"]
    );
    mesh_test::mesh_snapshot!(context, watch(&context).args(["--registry-url", "http://"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `http://` (--registry-url) is not the URL of a registry: empty host
        Hint: use a URL such as `http://localhost:8000`
        ");
    mesh_test::mesh_snapshot!(context, context.meshctl().args(["list", "--watch", "--interval", "1ms"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value '[DURATION]' for '--interval <SPAN>': that is more often than anybody can read; use `[DURATION]` or more

        For more information, try '--help'.
        ");
    mesh_test::mesh_snapshot!(context, context.meshctl().args(["list", "--watch", "--tools"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the argument '--watch' cannot be used with '--tools[=<TOOL>]'

        Usage: meshctl list --watch

        For more information, try '--help'.
        ");
}

#[cfg(target_os = "linux")]
mod in_a_terminal {
    use std::os::unix::process::ExitStatusExt as _;
    use std::time::Duration;

    use mesh_test::terminal::Terminal;
    use mesh_test::{Script, ScriptedServer};

    use super::*;

    #[test]
    fn the_list_is_painted_in_place_until_ctrl_c() {
        let context = register(test_context!(), "one");
        let mut terminal = Terminal::run(&watch(&context), (12, 100));
        terminal.until("it is listed", |screen| {
            screen.contains("1 agent (1 healthy)")
        });
        let mut context = register(context, "two");
        let screen = terminal.until("both are", |screen| screen.contains("2 agents (2 healthy)"));
        assert!(screen.starts_with("Registry: running"), "{screen}");
        assert_eq!(screen.matches("NAME").count(), 1, "{screen}");
        leave(&context, "one");
        terminal.until("one is down", |screen| screen.contains("1 down hidden"));
        context.registry_mut().kill_9().expect("it was running");
        let screen = terminal.until("it is gone", |screen| screen.contains("not running"));
        assert!(
            screen.contains("What it said last:") && screen.contains("two"),
            "{screen}"
        );
        context.registry_mut().restart().expect("it starts again");
        terminal.until("it is back", |screen| screen.contains("Registry: running"));
        for number in 0..20 {
            context = register(context, &format!("more-{number}"));
        }
        let screen = terminal.until("they fit", |screen| screen.contains("21 agents"));
        assert!(screen.contains("+17 more"), "{screen}");
        assert!(screen.starts_with("Registry: running"), "{screen}");
        terminal.resize((40, 100));
        let screen = terminal.until("all fit", |screen| screen.contains("more-9"));
        assert!(!screen.contains(" more\n"), "{screen}");
        terminal.resize((40, 30));
        terminal.until("lines are cut", |screen| {
            screen
                .lines()
                .next()
                .is_some_and(|line| line.ends_with('…'))
        });
        terminal.press(b"\x03");
        assert_eq!(terminal.wait().signal(), Some(2));
        let (is_seen, _) = terminal.cursor();
        assert!(is_seen);
        assert!(terminal.screen().contains("21 agents"), "the picture stays");
        // Neither hidden nor switched, so there is nothing to restore.
        let written = terminal.written();
        assert!(!written.contains("\x1b[?25l") && !written.contains("\x1b[?1049h"));
    }

    #[test]
    fn tables_fit_a_terminal_and_are_whole_in_a_pipe() {
        let endpoint = "http://a-host-with-a-long-name.example.com:9000";
        let context = test_context!().with_agent("one", endpoint);
        let show = |command: &Command, columns| {
            let mut terminal = Terminal::run(command, (20, columns));
            assert_eq!(terminal.wait().code(), Some(0));
            terminal.screen()
        };
        let mut list = context.meshctl();
        list.arg("list");
        // What people type elsewhere is never cut; other columns are left out for it.
        for (columns, titles) in [
            (200, "RUNTIME  TYPE"),
            (90, "NAME  TYPE"),
            (70, "NAME  STATUS"),
        ] {
            let screen = show(&list, columns);
            assert!(
                screen.contains("a-host-with-a-long-name.example.com:9000"),
                "{screen}"
            );
            assert!(screen.contains(titles), "{screen}");
            let table = screen.lines().skip_while(|line| !line.starts_with("NAME"));
            let widest = table.map(str::len).max().expect("there is a table");
            assert!(widest <= columns.into(), "{screen}");
        }
        let mut piped = context.meshctl();
        piped.args(["list"]);
        let output = String::from_utf8(piped.output().expect("it runs").stdout).expect("UTF-8");
        assert!(
            output.contains("a-host-with-a-long-name.example.com:9000"),
            "{output}"
        );
        assert!(
            !output.contains('…') && !output.contains('\x1b'),
            "{output}"
        );
    }

    #[test]
    fn a_spinner_turns_on_stderr_when_it_takes_long_and_then_only() {
        let agents = r#"{"agents":[],"count":0,"timestamp":"2026-09-21T14:18:20Z"}"#;
        let patient = |pause: u64| {
            let server = ScriptedServer::start(move |_| {
                Script::default()
                    .pause(Duration::from_millis(pause))
                    .then(Script::json(agents))
            });
            let context = test_context!();
            let mut status = context.meshctl();
            status.args(["status", "--registry-url", &server.url()]);
            let mut terminal = Terminal::run(&status, (10, 80));
            assert_eq!(terminal.wait().code(), Some(0));
            assert_eq!(terminal.screen().trim(), "No healthy agents found");
            // In a pipe there is none, however long it takes.
            let output = status.output().expect("it runs");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "");
            terminal.written()
        };
        assert!(patient(1200).contains("asking the registry"));
        // On a busy machine any answer may take long, but not every one.
        assert!((0..10).any(|_| !patient(0).contains("asking the registry")));
    }
}
