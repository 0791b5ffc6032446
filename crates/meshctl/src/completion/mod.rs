//! What a shell offers when TAB is pressed: commands, flags, and the agents and tools that are there.
//!
//! `completion` prints a script for a shell; that calls `meshctl __complete WORD…` with what was typed, the
//! word to complete last, and gets lines of a candidate, a tab and a description. It never fails, never
//! waits, and says nothing when there is nothing to say.

mod live;

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::{Arg, Command};
use mesh_core::env::Environment;

use self::live::Source;
use crate::settings::KEYS;

/// What stands in the place of a command when a shell asks.
pub(crate) const ASKS: &str = "__complete";
/// Every word has a character in front: PowerShell drops those that are empty.
const PREFIXED: &str = "--prefixed";

/// The script that makes `shell` ask this program what may be typed. A shell for which there is none of
/// our own gets commands and flags only.
#[must_use]
pub fn completion_script(shell: clap_complete::Shell) -> Vec<u8> {
    use clap_complete::Shell;

    match shell {
        Shell::Bash => include_bytes!("script.bash").to_vec(),
        Shell::Zsh => include_bytes!("script.zsh").to_vec(),
        Shell::Elvish => include_bytes!("script.elv").to_vec(),
        Shell::Fish => include_bytes!("script.fish").to_vec(),
        Shell::PowerShell => include_bytes!("script.ps1").to_vec(),
        other => {
            let mut script = Vec::new();
            clap_complete::generate(other, &mut crate::command(), "meshctl", &mut script);
            script
        }
    }
}

/// The answer to a shell that asked with `arguments`, the program's name first; nothing if none did.
pub(crate) fn answer(arguments: &[OsString], environment: &Environment) -> Option<String> {
    let words = arguments.get(1).filter(|word| *word == ASKS)?;
    debug_assert_eq!(words, ASKS);
    let mut words: Vec<String> = arguments[2..]
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if words.first().is_some_and(|word| word == PREFIXED) {
        words.remove(0);
        words = words
            .iter()
            .map(|word| word.chars().skip(1).collect())
            .collect();
    }
    let mut command = crate::command();
    command.build();
    let mut lines = String::new();
    for Candidate { value, description } in candidates(&command, &words, environment) {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{value}\t{description}");
    }
    Some(lines)
}

/// Something that may be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    value: String,
    description: String,
}

impl Candidate {
    fn new(value: impl Into<String>, description: impl Into<String>) -> Self {
        // One line each, whatever agents call their tools.
        let line = |text: String| text.replace(['\t', '\n', '\r'], " ");
        Self {
            value: line(value.into()),
            description: line(description.into()),
        }
    }
}

/// Where in the command line the last word stands.
struct Place<'a> {
    command: &'a Command,
    /// The flag whose value it is.
    flag: Option<&'a Arg>,
    /// How many arguments without a flag stand before it.
    position: usize,
    /// Whether `--` stands before it.
    flags_ended: bool,
}

fn candidates(root: &Command, words: &[String], environment: &Environment) -> Vec<Candidate> {
    let Some((current, before)) = words.split_last() else {
        return Vec::new();
    };
    let place = Place::after(root, before);
    let offered = place.offers(current, environment);
    offered
        .into_iter()
        .filter(|candidate| candidate.value.starts_with(current.as_str()))
        .collect()
}

impl<'a> Place<'a> {
    fn after(root: &'a Command, words: &[String]) -> Self {
        let mut place = Self {
            command: root,
            flag: None,
            position: 0,
            flags_ended: false,
        };
        for word in words {
            place.pass(word);
        }
        place
    }

    fn pass(&mut self, word: &str) {
        if self.flag.take().is_some() {
            return;
        }
        if self.flags_ended {
            self.position += 1;
        } else if word == "--" {
            self.flags_ended = true;
        } else if let Some(name) = word.strip_prefix("--") {
            // A value behind `=` is complete.
            self.flag = self.long(name).filter(|flag| takes_next_word(flag));
        } else if let Some(last) = word
            .strip_prefix('-')
            .and_then(|short| short.chars().last())
        {
            let flag = |arg: &&Arg| arg.get_short() == Some(last);
            let flag = self.command.get_arguments().find(flag);
            self.flag = flag.filter(|flag| takes_next_word(flag));
        } else if let (0, Some(child)) = (self.position, self.command.find_subcommand(word)) {
            self.command = child;
        } else {
            self.position += 1;
        }
    }

    fn long(&self, name: &str) -> Option<&'a Arg> {
        self.command
            .get_arguments()
            .find(|argument| argument.get_long() == Some(name))
    }

    fn offers(&self, current: &str, environment: &Environment) -> Vec<Candidate> {
        if let Some(flag) = self.flag {
            return self.values(flag, current, environment);
        }
        if let (false, Some((name, value))) = (
            self.flags_ended,
            current
                .strip_prefix("--")
                .and_then(|flag| flag.split_once('=')),
        ) {
            let values = self
                .long(name)
                .map(|flag| self.values(flag, value, environment));
            return values
                .unwrap_or_default()
                .into_iter()
                .map(|Candidate { value, description }| Candidate {
                    value: format!("--{name}={value}"),
                    description,
                })
                .collect();
        }
        if !self.flags_ended && current.starts_with('-') {
            return self.flags();
        }
        let mut offered = Vec::new();
        if self.position == 0 {
            offered.extend(
                self.command
                    .get_subcommands()
                    .filter(|child| !child.is_hide_set())
                    .map(|child| Candidate::new(child.get_name(), first_line(child.get_about()))),
            );
        }
        let mut positionals = self.command.get_positionals();
        let argument = positionals
            .nth(self.position)
            // The last one may take all the rest.
            .or_else(|| {
                self.command
                    .get_positionals()
                    .last()
                    .filter(|last| takes_many(last))
            });
        if let Some(argument) = argument {
            offered.extend(self.values(argument, current, environment));
        }
        offered
    }

    fn flags(&self) -> Vec<Candidate> {
        self.command
            .get_arguments()
            .filter(|argument| !argument.is_hide_set())
            .filter_map(|argument| {
                let name = argument.get_long()?;
                let help = first_line(argument.get_help());
                Some(Candidate::new(format!("--{name}"), help))
            })
            .collect()
    }

    fn values(&self, argument: &Arg, current: &str, environment: &Environment) -> Vec<Candidate> {
        let choices = argument.get_possible_values();
        if !choices.is_empty() {
            return choices
                .iter()
                .filter(|choice| !choice.is_hide_set())
                .map(|choice| Candidate::new(choice.get_name(), first_line(choice.get_help())))
                .collect();
        }
        match (self.command.get_name(), argument.get_id().as_str()) {
            ("status" | "audit", "agent") => Source::Agents.candidates(current, environment),
            ("call", "tool") | ("list", "tools") => Source::Tools.candidates(current, environment),
            ("revoke" | "rotate" | "register", "name") => {
                Source::Entities.candidates(current, environment)
            }
            ("logs", "agent") => Source::Logs.candidates(current, environment),
            ("stop", "names" | "agents_to_stop") => {
                Source::Running.candidates(current, environment)
            }
            ("man", "topic") => crate::manual::TOPICS
                .iter()
                .map(|topic| Candidate::new(topic.name, topic.title()))
                .collect(),
            ("get" | "set" | "unset", "key") => KEYS
                .iter()
                .map(|key| Candidate::new(key.name, key.variable))
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn takes_next_word(flag: &Arg) -> bool {
    flag.get_action().takes_values()
        && !flag.is_require_equals_set()
        && flag
            .get_num_args()
            .is_none_or(|number| number.min_values() > 0)
}

fn takes_many(argument: &Arg) -> bool {
    argument
        .get_num_args()
        .is_some_and(|number| number.max_values() > 1)
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(words: &[&str]) -> Vec<String> {
        let mut command = crate::command();
        command.build();
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        candidates(&command, &words, &Environment::default())
            .into_iter()
            .map(|candidate| candidate.value)
            .collect()
    }

    #[test]
    fn commands_flags_and_choices_are_offered() {
        assert_eq!(offered(&["sto"]), ["stop"]);
        assert_eq!(offered(&["list", "--registry-sc"]), ["--registry-scheme"]);
        assert_eq!(
            offered(&["list", "--registry-scheme", ""]),
            ["http", "https"]
        );
        assert_eq!(
            offered(&["list", "--registry-scheme=https"]),
            ["--registry-scheme=https"]
        );
        assert_eq!(offered(&["config", "s"]), ["show", "set"]);
        assert_eq!(offered(&["config", "get", "log"]), ["log_level"]);
        assert_eq!(offered(&["completion", "z"]), ["zsh"]);
    }

    #[test]
    fn what_is_hidden_or_said_already_is_not_offered() {
        assert!(
            !offered(&[""])
                .iter()
                .any(|command| command.starts_with("__"))
        );
        // The value of a flag is no command, and nothing follows a whole command line.
        assert_eq!(offered(&["list", "--registry-port", "9", "sto"]), [""; 0]);
        assert_eq!(offered(&["version", ""]), [""; 0]);
        assert_eq!(offered(&["nonsense", ""]), [""; 0]);
    }
}
