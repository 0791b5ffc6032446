//! What TAB offers, in real shells.

#[cfg(unix)]
use std::path::Path;
#[cfg(unix)]
use std::process::Command;
use std::time::{Duration, Instant};

use mesh_test::{TestContext, fake, test_context};

/// A mesh with an agent that has one tool.
fn mesh() -> TestContext {
    let agent = fake::agent("greeter", "http://127.0.0.1:1", vec![fake::tool("greet")]);
    test_context!().with_registration(&agent)
}

fn offered(context: &TestContext, words: &[&str]) -> Vec<String> {
    let output = context
        .meshctl()
        .arg("__complete")
        .args(words)
        .output()
        .expect("meshctl can be run");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
#[cfg_attr(
    all(windows, target_env = "gnu"),
    ignore = "under Wine, where alone `-gnu` programs are run, an answer takes longer than TAB waits"
)]
fn agents_and_tools_are_offered() {
    let context = mesh();
    assert_eq!(offered(&context, &["status", "g"]), ["greeter"]);
    assert_eq!(offered(&context, &["call", ""]), ["greet"]);
    assert_eq!(offered(&context, &["call", "greeter:"]), ["greeter:greet"]);
    assert_eq!(offered(&context, &["list", "--tools=g"]), ["--tools=greet"]);
    // PowerShell drops empty words.
    assert_eq!(offered(&context, &["--prefixed", "+call", "+"]), ["greet"]);
}

#[test]
fn without_a_registry_nothing_is_said() {
    let context = test_context!();
    let port = mesh_test::free_port().unwrap().to_string();
    let mut command = context.meshctl();
    command.env("MCP_MESH_REGISTRY_PORT", port);
    let start = Instant::now();
    let output = command.args(["__complete", "call", ""]).output().unwrap();
    // Far from the limit that people notice, and near enough to it to tell a wait.
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(
        (
            output.status.code(),
            output.stdout.len(),
            output.stderr.len()
        ),
        (Some(0), 0, 0)
    );
}

/// Runs `program` of a shell with the script of `meshctl completion` as its `$script`, and `meshctl` on
/// its PATH; nothing if this machine has no such shell.
#[cfg(unix)]
fn in_shell(context: &TestContext, shell: &str, program: &str) -> Option<String> {
    let script = context
        .meshctl()
        .args(["completion", shell])
        .output()
        .expect("meshctl can be run");
    assert!(script.status.success());
    let meshctl = context.meshctl();
    let folder = Path::new(meshctl.get_program())
        .parent()
        .expect("it lies in a folder");
    let mut command = Command::new(shell);
    for (name, value) in meshctl.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let path = std::env::vars().find_map(|(name, value)| (name == "PATH").then_some(value));
    command
        .env(
            "PATH",
            format!("{}:{}", folder.display(), path.expect("there is a PATH")),
        )
        .env("script", String::from_utf8(script.stdout).expect("UTF-8"))
        .args(["-c", program]);
    let output = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.expect("the shell can be run"),
    };
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

#[cfg(unix)]
#[test]
fn bash_completes_words_that_it_splits_at_colons() {
    let context = mesh();
    let completed = |words: &str, index: usize| {
        let program = format!(
            "eval \"$script\"; COMP_WORDS=({words}); COMP_CWORD={index}; _meshctl; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        in_shell(&context, "bash", &program).expect("there is bash")
    };
    assert_eq!(completed("meshctl stat", 1), "status\n");
    assert_eq!(completed("meshctl call gree", 2), "greet\n");
    assert_eq!(completed("meshctl call greeter : gr", 4), "greet\n");
    assert_eq!(completed("meshctl call greeter :", 3), "greet\n");
    assert_eq!(
        completed("meshctl list --registry-scheme = h", 4),
        "http\nhttps\n"
    );
    assert_eq!(completed("meshctl status ''", 2), "greeter\n");
}

#[cfg(unix)]
#[test]
fn zsh_completes_with_descriptions() {
    let context = mesh();
    let completed = |words: &str| {
        // What zsh would show is what is handed to `_describe`.
        let program = format!(
            "eval \"$script\"; _describe() {{ print -rl -- $candidates }}; _files() {{ print files }}; \
             words=({words}); CURRENT=$#words; _meshctl"
        );
        in_shell(&context, "zsh", &program)
    };
    let Some(tools) = completed("meshctl call ''") else {
        return is_elsewhere("zsh");
    };
    assert_eq!(tools, "greet:The greet tool\n");
    assert_eq!(
        completed("meshctl call greeter:").unwrap(),
        "greeter\\:greet:The greet tool\n"
    );
    assert_eq!(completed("meshctl start ''").unwrap(), "files\n");
}

#[cfg(unix)]
#[test]
fn fish_completes_with_descriptions() {
    let context = mesh();
    let completed = |line: &str| {
        let program = format!("printf '%s\n' $script | source; complete -C '{line}'");
        in_shell(&context, "fish", &program)
    };
    let Some(tools) = completed("meshctl call ") else {
        return is_elsewhere("fish");
    };
    assert_eq!(tools, "greet\tThe greet tool\n");
    assert_eq!(
        completed("meshctl call greeter:").unwrap(),
        "greeter:greet\tThe greet tool\n"
    );
    let commands = completed("meshctl sta").unwrap();
    let commands: Vec<_> = commands
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(commands, ["start", "status"]);
}

#[cfg(unix)]
#[test]
fn elvish_completes_with_descriptions_and_hides_what_help_hides() {
    let context = mesh();
    let completed = |words: &str| {
        // What the script needs of an editor, which only a terminal has.
        let program = format!(
            "var edit: = (ns [&complex-candidate~={{|value &display=''| put $value}}
               &complete-filename~={{|word| put files}}
               &completion:=(ns [&arg-completer=[&]])])
             eval $E:script
             $edit:completion:arg-completer[meshctl] {words} | to-lines"
        );
        in_shell(&context, "elvish", &program)
    };
    let Some(tools) = completed("meshctl call ''") else {
        return is_elsewhere("elvish");
    };
    assert_eq!(tools, "greet\n");
    assert_eq!(completed("meshctl start ''").unwrap(), "files\n");
    let commands = completed("meshctl ''").unwrap();
    assert!(commands.contains("start\n") && !commands.contains("watch-agent"));
    assert!(
        !completed("meshctl status --")
            .unwrap()
            .contains("--verbose")
    );
}

/// A shell may be missing where people work, but not where `make test-programs` installs it.
#[cfg(unix)]
fn is_elsewhere(shell: &str) {
    let may_be_missing = std::env::consts::OS != "linux";
    assert!(
        may_be_missing,
        "there is no {shell}: run `make test-programs`"
    );
}

#[test]
fn every_shell_gets_its_script() {
    let context = test_context!();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = context
            .meshctl()
            .args(["completion", shell])
            .output()
            .unwrap();
        assert!(output.status.success());
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("meshctl __complete"), "{shell}");
    }
}
