//! Names: of agents, and what code calls things that are named after them.

use std::fmt;
use std::str::FromStr;

use super::language::Language;

/// What DNS, and with it Kubernetes, takes as the name of something.
const LONGEST: usize = 63;

/// What an agent is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentName(String); // Private: parsing is the only way in.

/// A name that agents cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name for an agent: a letter, then letters, digits, `-` and `_`, {LONGEST} \
     characters at most"
)]
pub(crate) struct InvalidAgentName(String);

impl FromStr for AgentName {
    type Err = InvalidAgentName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if first && text.len() <= LONGEST && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAgentName(text.to_owned()))
        }
    }
}

impl AgentName {
    /// As it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a class: `my-agent` is `MyAgent`.
    pub(super) fn class(&self) -> String {
        pascal(&self.0)
    }

    /// The name of a function in `language`.
    pub(super) fn function(&self, language: Language) -> String {
        identifier(&self.0, language)
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text of one line, without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description(String); // Private: parsing is the only way in.

/// A description without words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a description needs a word at least")]
pub(crate) struct EmptyDescription;

impl FromStr for Description {
    type Err = EmptyDescription;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty());
        let line = words.collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            Err(EmptyDescription)
        } else {
            Ok(Self(line))
        }
    }
}

impl Description {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A package of Java: `com.example.weather`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JavaPackage(String); // Private: parsing is the only way in.

/// What Java does not take as a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no package of Java: names such as `com.example.weather`, joined by dots")]
pub(crate) struct InvalidPackage(String);

impl FromStr for JavaPackage {
    type Err = InvalidPackage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |part: &str| {
            let first = part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
            first && part.chars().all(allowed) && !Language::Java.reserved().contains(&part)
        };
        if text.split('.').all(is_name) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPackage(text.to_owned()))
        }
    }
}

impl JavaPackage {
    /// What an agent without a package of its own gets.
    pub(crate) fn of(name: &AgentName) -> Self {
        let flat: String = name.0.chars().filter(char::is_ascii_alphanumeric).collect();
        let flat = flat.to_ascii_lowercase();
        let keyword = Language::Java.reserved().contains(&flat.as_str());
        Self(format!(
            "com.example.{flat}{}",
            if keyword { "_" } else { "" }
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of its classes.
    pub(super) fn folder(&self) -> String {
        self.0.replace('.', "/")
    }
}

/// Whatever somebody calls something, as a name of a function in `language`.
pub(super) fn identifier(text: &str, language: Language) -> String {
    let words = words(text);
    let mut name = match language {
        Language::Python => words.join("_").to_ascii_lowercase(),
        Language::TypeScript | Language::Java => {
            let mut name = String::new();
            for word in &words {
                if name.is_empty() {
                    name.push_str(&uncapitalised(word));
                } else {
                    name.push_str(&capitalised(word));
                }
            }
            name
        }
    };
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name = match language {
            Language::Python => format!("tool_{name}").trim_end_matches('_').to_owned(),
            Language::TypeScript | Language::Java => format!("tool{name}"),
        };
    }
    if language.reserved().contains(&name.as_str()) {
        name.push_str(match language {
            Language::Python => "_tool",
            Language::TypeScript | Language::Java => "Tool",
        });
    }
    name
}

/// `name`, or with a number behind it so that no other is like it.
pub(super) fn unlike(name: String, join: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(&name) {
        return name;
    }
    let numbered = (2..).map(|number| format!("{name}{join}{number}"));
    let free = numbered.into_iter().find(|name| !taken(name));
    free.expect("some number is free")
}

fn pascal(text: &str) -> String {
    words(text).iter().map(|word| capitalised(word)).collect()
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect()
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{}{rest}", first.to_ascii_uppercase())
}

fn uncapitalised(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{}{rest}", first.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_a_letter() {
        for good in ["a", "my-agent", "My_Agent2"] {
            assert!(good.parse::<AgentName>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a b", "a.b", "é", "a/b", &"a".repeat(64)] {
            assert!(bad.parse::<AgentName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_description_is_one_line() {
        let line = |text: &str| text.parse().map(|Description(line)| line);
        assert_eq!(line(" Says\n\u{7}hello\t "), Ok("Says hello".to_owned()));
        assert_eq!(line(" \n"), Err(EmptyDescription));
    }

    #[test]
    fn a_package_is_one_that_java_takes() {
        for good in ["com.example.weather", "a", "org._1.b_2"] {
            assert!(good.parse::<JavaPackage>().is_ok(), "{good}");
        }
        for bad in ["", "com..a", "com.1a", "com.class", "a-b", "a;b"] {
            assert!(bad.parse::<JavaPackage>().is_err(), "{bad}");
        }
        let of = |name: &str| JavaPackage::of(&name.parse().unwrap()).0;
        assert_eq!(of("My-weather_Agent"), "com.example.myweatheragent");
        assert_eq!(of("new"), "com.example.new_");
    }

    #[test]
    fn functions_have_names_that_their_language_takes() {
        for (text, python, java) in [
            ("day-planner", "day_planner", "dayPlanner"),
            ("Say Hello!", "say_hello", "sayHello"),
            ("2 fast", "tool_2_fast", "tool2Fast"),
            ("été", "t", "t"),
            ("世界", "tool", "tool"),
            ("class", "class_tool", "classTool"),
            ("mesh", "mesh_tool", "mesh"),
        ] {
            assert_eq!(identifier(text, Language::Python), python, "{text}");
            assert_eq!(identifier(text, Language::Java), java, "{text}");
        }
        assert_eq!(
            "my-agent2".parse::<AgentName>().unwrap().class(),
            "MyAgent2"
        );
    }
}
