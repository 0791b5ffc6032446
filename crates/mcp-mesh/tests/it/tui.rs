//! `meshctl tui`, in a terminal and without one.

use mesh_test::{mesh_snapshot, test_context};

#[test]
fn it_needs_a_terminal() {
    let context = test_context!();
    mesh_snapshot!(context, context.meshctl().arg("tui"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `meshctl tui` needs a terminal to itself
        Hint: `meshctl list --watch` shows the mesh as it changes, in a pipe as well
        ");
}

#[cfg(target_os = "linux")]
mod in_a_terminal {
    use std::fs;
    use std::process::Command;

    use mesh_test::TestContext;
    use mesh_test::terminal::Terminal;

    use super::*;

    /// Switches to a screen of its own, and back.
    const ENTER: &str = "\x1b[?1049h";
    const LEAVE: &str = "\x1b[?1049l";

    fn tui(context: &TestContext) -> Command {
        let mut command = context.meshctl();
        command.args(["tui", "--interval", "100ms"]);
        command
    }

    #[track_caller]
    fn assert_given_back(terminal: &Terminal) {
        let written = terminal.written();
        let (entered, left) = (written.find(ENTER), written.rfind(LEAVE));
        assert!(entered.is_some() && entered < left, "{written:?}");
        assert!(terminal.cursor().0, "the cursor is seen again");
        assert!(terminal.is_as_it_was(), "lines are typed, and seen");
    }

    #[test]
    fn agents_come_and_go_and_each_has_its_panes() {
        let context = test_context!()
            .with_agent("planner", "http://127.0.0.1:9000")
            .with_agent("weather", "http://127.0.0.1:9001");
        let logs = context.state().join("logs");
        fs::create_dir_all(&logs).expect("a folder for logs");
        fs::write(logs.join("weather.log"), "it rains\n").expect("a log");
        let mut terminal = Terminal::run(&tui(&context), (24, 100));
        let screen = terminal.until("both are there", |screen| screen.contains("weather"));
        assert!(screen.contains("2 healthy"), "{screen}");
        assert!(screen.contains("Capabilities (1)"), "{screen}");
        // Down, then the third pane.
        terminal.press(b"\x1b[B3");
        terminal.until("its log is shown", |screen| screen.contains("it rains"));
        let more = fs::read_to_string(logs.join("weather.log")).expect("a log") + "it pours\n";
        fs::write(logs.join("weather.log"), more).expect("a log");
        terminal.until("the log grows", |screen| screen.contains("it pours"));
        terminal.press(b"\t\t");
        terminal.until("events are shown", |screen| screen.contains("register"));
        terminal.press(b"/plan\r");
        terminal.until("the others are left out", |screen| {
            screen.contains("/plan") && !screen.contains("127.0.0.1:9001")
        });
        terminal.press(b"\x1b");
        terminal.until("all are shown", |screen| screen.contains("127.0.0.1:9001"));
        let mut context = context.with_agent("another", "http://127.0.0.1:9002");
        terminal.until("it has come", |screen| screen.contains("another"));
        terminal.resize((12, 50));
        terminal.until("it is drawn anew", |screen| {
            let first = screen.lines().find(|line| line.contains("NAME"));
            first.is_some_and(|line| !line.contains("LAST SEEN"))
        });
        context.registry_mut().kill_9().expect("it was running");
        terminal.until("it is gone", |screen| screen.contains("not running"));
        context.registry_mut().restart().expect("it starts again");
        terminal.until("it is back", |screen| screen.contains("Registry: running"));
        terminal.press(b"q");
        assert_eq!(terminal.wait().code(), Some(0));
        assert_given_back(&terminal);
    }

    #[test]
    fn the_terminal_is_given_back_however_it_ends() {
        let context = test_context!().with_agent("planner", "http://127.0.0.1:9000");
        for key in [b"q", b"\x03"] {
            let mut terminal = Terminal::run(&tui(&context), (24, 100));
            terminal.until("it is drawn", |screen| screen.contains("planner"));
            terminal.press(key);
            assert_eq!(terminal.wait().code(), Some(0));
            assert_given_back(&terminal);
        }
        let mut terminal = Terminal::run(&tui(&context), (24, 100));
        terminal.until("it is drawn", |screen| screen.contains("planner"));
        terminal.terminate();
        assert_eq!(terminal.wait().code(), Some(0));
        assert_given_back(&terminal);
        let terminal = Terminal::run(&tui(&context), (24, 100));
        terminal.until("it is drawn", |screen| screen.contains("planner"));
        assert!(!terminal.is_as_it_was(), "keys come one by one");
        let status = terminal.close();
        assert_eq!(status.code(), Some(0), "{status}");
        // What is wrong for good ends it, and is read where it was typed.
        let mut wrong = tui(&context);
        wrong.args([
            "--registry-url",
            &format!("{}/nowhere", context.registry().url()),
        ]);
        let mut terminal = Terminal::run(&wrong, (24, 100));
        assert_eq!(terminal.wait().code(), Some(1));
        assert_given_back(&terminal);
        let screen = terminal.screen();
        assert!(screen.contains("Error:"), "{screen}");
    }
}
