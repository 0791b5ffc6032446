//! Workflows call xtask by the names that it knows; a renamed verb or option fails here, not on GitHub.

use std::fs;

use clap::{Command, CommandFactory};

use crate::root;

#[test]
fn workflows_call_verbs_that_exist() {
    let folder = root::checkout().join(".github/workflows");
    let mut calls = 0;
    let mut broken = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for line in fs::read_to_string(&path).unwrap().lines() {
            let Some((_, call)) = line.split_once("run: cargo xtask ") else {
                continue;
            };
            calls += 1;
            if let Err(problem) = known(&crate::Task::command(), call) {
                let name = path.file_name().unwrap_or_default().display();
                broken.push(format!("{name}: `{call}`: {problem}"));
            }
        }
    }
    assert!(calls > 10, "only {calls} calls were found");
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// Follows the verbs of `call`, then looks for each of its options, and for those it must have.
fn known(task: &Command, call: &str) -> Result<(), String> {
    let mut words = call.split_whitespace().peekable();
    let mut command = task;
    while command.has_subcommands() {
        let verb = words.next().unwrap_or_default();
        if verb == "--help" {
            return Ok(()); // Everything knows it; it compiles, and does nothing else.
        }
        command = command
            .find_subcommand(verb)
            .ok_or_else(|| format!("there is no verb `{verb}`"))?;
    }
    let given: Vec<_> = words.filter_map(|word| word.strip_prefix("--")).collect();
    for option in &given {
        if !command
            .get_arguments()
            .any(|argument| argument.get_long() == Some(option))
        {
            return Err(format!("there is no option `--{option}`"));
        }
    }
    for argument in command
        .get_arguments()
        .filter(|argument| argument.is_required_set())
    {
        if let Some(option) = argument.get_long()
            && !given.contains(&option)
        {
            return Err(format!("the option `--{option}` is missing"));
        }
    }
    Ok(())
}

#[test]
fn what_is_unknown_or_missing_is_named() {
    let task = Command::new("xtask")
        .subcommand(Command::new("release").subcommand(
            Command::new("sign").arg(clap::Arg::new("dir").long("dir").required(true)),
        ));
    for call in ["release sign --dir upload", "release --help"] {
        assert_eq!(known(&task, call), Ok(()));
    }
    for (call, problem) in [
        ("release seal --dir upload", "`seal`"),
        ("release sign --folder upload", "`--folder`"),
        ("release sign", "`--dir` is missing"),
    ] {
        let error = known(&task, call).unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
}
