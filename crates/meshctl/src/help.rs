//! The help of meshctl itself: its commands by what they are for, and what its exit codes say.

use std::fmt::Write as _;

use clap::Command;

/// The commands by what they are for, the most used first.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run agents", &["start", "stop", "scaffold", "registry"]),
    (
        "See the mesh",
        &["list", "status", "tui", "logs", "audit", "schema", "trace"],
    ),
    ("Use it", &["call", "job"]),
    (
        "Set up",
        &[
            "doctor",
            "config",
            "entity",
            "man",
            "completion",
            "version",
            "self",
            "help",
        ],
    ),
];

/// What `meshctl --help` ends with.
const EXIT_CODES: &str = "\
Exit codes:
  0  success, and 1 any failure; with `--exit-code`, failures are told apart:
  1  the command failed
  2  an argument, a variable or the configuration makes no sense
  3  not found
  4  the registry cannot be reached
  5  a tool, a job or the registry answered with an error
  6  in conflict with what is there, such as already running or ambiguous
  7  something that is needed is missing
  8  timed out
  Answers that are bad news then have a code too: `list` without a registry 4, `call` 5 when
  the result says `\"isError\": true`.
  What goes on until Ctrl-C ends by that signal, which shells show as 130: `logs -f`, `list --watch`.
  `start` in the foreground stops what it started instead, and ends with 0.";

/// Sorts the commands that `command` shows in its help into groups, and tells of the exit codes.
pub(crate) fn grouped(command: Command) -> Command {
    let styles = command.get_styles();
    let (header, literal) = (*styles.get_header(), *styles.get_literal());
    let about = |name: &str| {
        command
            .find_subcommand(name)
            .and_then(Command::get_about)
            .map_or_else(
                // The only one that clap adds, once the command line is built.
                || "Print this, or the help of a command".to_owned(),
                ToString::to_string,
            )
    };
    let mut groups = String::new();
    for (title, names) in GROUPS {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(groups, "\n{header}{title}:{header:#}");
        for name in names {
            let about = about(name);
            let _ = writeln!(groups, "  {literal}{name:<11}{literal:#} {about}");
        }
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n\
         {header}Options:{header:#}\n{{options}}{{after-help}}"
    );
    command.help_template(template).after_long_help(EXIT_CODES)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let command = crate::command();
        let there: BTreeSet<_> = command
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .map(Command::get_name)
            .chain(["help"])
            .collect();
        let listed: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).collect();
        assert_eq!(
            listed.iter().map(|name| **name).collect::<BTreeSet<_>>(),
            there
        );
        assert_eq!(listed.len(), there.len());
    }

    #[test]
    fn every_command_has_examples_and_they_are_right() {
        let mut command = crate::command();
        command.build();
        examples_of(&command, "meshctl");
    }

    fn examples_of(command: &Command, path: &str) {
        for child in command.get_subcommands() {
            if child.is_hide_set() || child.get_name() == "help" {
                continue;
            }
            let path = format!("{path} {}", child.get_name());
            let help = child.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_else(|| panic!("`{path}` has no examples"));
            let examples = help
                .strip_prefix("Examples:\n")
                .unwrap_or_else(|| panic!("the help of `{path}` ends with something else"));
            let typed: Vec<_> = examples.lines().map(parsed).collect();
            assert!(
                typed.iter().any(|typed| typed.starts_with(&path)),
                "no example of `{path}` is one of it"
            );
            examples_of(child, &path);
        }
    }

    /// The command of ours in `example`: what stands before the comment, a pipe or a redirection. It must
    /// be one that is understood.
    fn parsed(example: &str) -> String {
        let typed = example.trim().split("  ").next().unwrap_or_default();
        let inner = typed
            .strip_prefix("source <(")
            .or_else(|| typed.strip_prefix("eval ("));
        let typed = inner.map_or(typed, |inner| {
            inner.strip_suffix(')').expect("a closing parenthesis")
        });
        let words = shlex::split(typed).unwrap_or_else(|| panic!("quotes in `{example}`"));
        let words = words
            .split(|word| word == "|" || word == ">")
            .next()
            .unwrap_or_default();
        if let Err(error) = crate::command().try_get_matches_from(words) {
            panic!("`{example}`: {error}");
        }
        words.join(" ")
    }
}
