//! The languages that agents are written in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an agent is written in.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    clap::ValueEnum,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// Python, with FastMCP
    #[default]
    #[value(alias = "py")]
    #[serde(alias = "py")]
    Python,
    /// TypeScript, on Node.js
    #[value(name = "typescript", alias = "ts")]
    #[serde(alias = "ts")]
    TypeScript,
    /// Java, with Spring Boot
    #[value(alias = "jv")]
    #[serde(alias = "jv")]
    Java,
}

impl Language {
    /// Every one.
    pub(crate) const ALL: [Self; 3] = [Self::Python, Self::TypeScript, Self::Java];

    /// Whether code may call something `name`.
    pub(crate) fn takes(self, name: &str) -> bool {
        !self.reserved().contains(&name)
    }

    /// As flags, files and folders spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::TypeScript => "typescript",
            Self::Java => "java",
        }
    }

    /// As people do.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::TypeScript => "TypeScript",
            Self::Java => "Java",
        }
    }

    /// The words that are no names in this language.
    pub(super) fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Python => PYTHON,
            Self::TypeScript => TYPESCRIPT,
            Self::Java => JAVA,
        }
    }
}

/// Python's keywords, and what the templates call their own.
#[rustfmt::skip]
const PYTHON: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "match", "nonlocal", "not", "or", "pass", "raise", "return", "try",
    "type", "while", "with", "yield",
    "app", "bool", "dict", "float", "health_check", "httpx", "int", "list", "llm", "main", "mesh",
    "os", "request", "startup_check", "str",
];

/// TypeScript's keywords, and what the templates call their own.
#[rustfmt::skip]
const TYPESCRIPT: &[&str] = &[
    "any", "as", "async", "await", "boolean", "break", "case", "catch", "class", "const",
    "continue", "debugger", "default", "delete", "do", "else", "enum", "export", "extends", "false",
    "finally", "for", "from", "function", "get", "if", "implements", "import", "in", "instanceof",
    "interface", "let", "new", "null", "number", "of", "package", "private", "protected", "public",
    "return", "set", "static", "string", "super", "switch", "symbol", "this", "throw", "true",
    "try", "type", "typeof", "undefined", "var", "void", "while", "with", "yield",
    "agent", "healthCheck", "llm", "mesh", "server", "startupCheck", "z",
];

/// Java's keywords, and what the templates call their own.
#[rustfmt::skip]
const JAVA: &[&str] = &[
    "abstract", "assert", "boolean", "break", "byte", "case", "catch", "char", "class", "const",
    "continue", "default", "do", "double", "else", "enum", "extends", "false", "final", "finally",
    "float", "for", "goto", "if", "implements", "import", "instanceof", "int", "interface", "long",
    "native", "new", "null", "package", "private", "protected", "public", "record", "return",
    "short", "static", "strictfp", "super", "switch", "synchronized", "this", "throw", "throws",
    "transient", "true", "try", "var", "void", "volatile", "while", "yield",
    "getClass", "hashCode", "healthCheck", "llm", "main", "notify", "notifyAll", "startupCheck",
    "toString", "wait",
];
