//! The files as they are written, and how their blanks are filled in.
//!
//! minijinja, because templates stay files that look like what comes out of them, because it reads
//! them at run time, which `--template-dir` needs, and because its author wrote Jinja itself.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::blueprint::{Blueprint, Kind};
use super::language::Language;
use super::literals;
use super::tree::Tree;

/// What every template of ours is called behind its folder.
const ENDING: &str = ".j2";
/// The folder of what all kinds have.
const ANY: &str = "any";

macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("templates/", $path, ".j2")))),*]
    };
}

/// By path below `templates/`, without the ending.
const EMBEDDED: &[(&str, &str)] = embedded![
    "any/helm-values.yaml",
    "compose/agent.yml",
    "compose/grafana.yml",
    "compose/grafana/dashboards.yaml",
    "compose/grafana/datasources.yaml",
    "compose/grafana/mcp-mesh.json",
    "compose/head.yml",
    "compose/postgres.yml",
    "compose/redis.yml",
    "compose/registry.yml",
    "compose/tempo.yaml",
    "compose/tempo.yml",
    "java/any/Dockerfile",
    "java/any/README.md",
    "java/any/application.yml",
    "java/any/checks.java",
    "java/any/dockerignore",
    "java/any/pom.xml",
    "java/a2a-consumer/Application.java",
    "java/api/Application.java",
    "java/basic/Application.java",
    "java/llm/Application.java",
    "java/llm/prompt.ftl",
    "java/llm-provider/Application.java",
    "python/any/Dockerfile",
    "python/any/README.md",
    "python/any/__init__.py",
    "python/any/__main__.py",
    "python/any/agent.py",
    "python/any/checks.py",
    "python/any/dockerignore",
    "python/any/requirements.txt",
    "python/a2a-consumer/main.py",
    "python/api/main.py",
    "python/basic/main.py",
    "python/llm/main.py",
    "python/llm/prompt.jinja2",
    "python/llm-provider/main.py",
    "typescript/any/Dockerfile",
    "typescript/any/README.md",
    "typescript/any/agent.ts",
    "typescript/any/checks.ts",
    "typescript/any/dockerignore",
    "typescript/any/package.json",
    "typescript/any/tsconfig.json",
    "typescript/a2a-consumer/index.ts",
    "typescript/api/index.ts",
    "typescript/basic/index.ts",
    "typescript/llm/index.ts",
    "typescript/llm/prompt.hbs",
    "typescript/llm-provider/index.ts",
];

/// What agents in a language are made of: a template in the folder of the kind or of all kinds, and
/// the file that it becomes.
const PYTHON: &[(&str, &str)] = &[
    ("main.py", "main.py"),
    ("__init__.py", "__init__.py"),
    ("__main__.py", "__main__.py"),
    ("requirements.txt", "requirements.txt"),
    ("Dockerfile", "Dockerfile"),
    ("dockerignore", ".dockerignore"),
    ("helm-values.yaml", "helm-values.yaml"),
    ("README.md", "README.md"),
];
const TYPESCRIPT: &[(&str, &str)] = &[
    ("index.ts", "src/index.ts"),
    ("package.json", "package.json"),
    ("tsconfig.json", "tsconfig.json"),
    ("Dockerfile", "Dockerfile"),
    ("dockerignore", ".dockerignore"),
    ("helm-values.yaml", "helm-values.yaml"),
    ("README.md", "README.md"),
];
const JAVA: &[(&str, &str)] = &[
    (
        "Application.java",
        "src/main/java/{{ package_folder }}/{{ class_name }}Application.java",
    ),
    ("application.yml", "src/main/resources/application.yml"),
    ("pom.xml", "pom.xml"),
    ("Dockerfile", "Dockerfile"),
    ("dockerignore", ".dockerignore"),
    ("helm-values.yaml", "helm-values.yaml"),
    ("README.md", "README.md"),
];

/// The templates, some of them perhaps somebody's own.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    own: BTreeMap<String, String>,
}

/// Why nothing came out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TemplateError {
    /// A template, or the folder of them, that cannot be read.
    #[error("cannot read templates from `{}`", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// A template with a mistake.
    #[error("cannot fill in the template `{name}`")]
    Broken {
        name: String,
        source: minijinja::Error,
    },
}

impl Templates {
    /// Ours, those replaced that lie in `folder` at the same place: `python/basic/main.py.j2`.
    pub(crate) fn with_own(folder: &Path) -> Result<Self, TemplateError> {
        let unreadable = |path: &Path, source: io::Error| TemplateError::Unreadable {
            path: path.to_owned(),
            source,
        };
        fs::read_dir(folder).map_err(|source| unreadable(folder, source))?;
        let mut own = BTreeMap::new();
        for (name, _) in EMBEDDED {
            let path = folder.join(format!("{name}{ENDING}"));
            match fs::read_to_string(&path) {
                Ok(text) => {
                    own.insert((*name).to_owned(), text);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(unreadable(&path, source)),
            }
        }
        Ok(Self { own })
    }

    /// Whether somebody's own templates replace any.
    pub(crate) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    /// The files of an agent.
    pub(crate) fn fill(&self, blueprint: &Blueprint) -> Result<Tree, TemplateError> {
        let environment = self.environment()?;
        let facts = Value::from(Serde(blueprint.facts()));
        let language = blueprint.language;
        let kind = blueprint.kind.as_str();
        let mut tree = Tree::default();
        for (template, path) in files(language, &blueprint.kind) {
            let broken = |source| TemplateError::Broken {
                name: template.to_owned(),
                source,
            };
            let places = [
                format!("{}/{kind}/{template}", language.as_str()),
                format!("{}/{ANY}/{template}", language.as_str()),
                format!("{ANY}/{template}"),
            ];
            let found = places
                .iter()
                .find_map(|name| environment.get_template(name).ok());
            let found = found.expect("every file has a template, as a test proves");
            let text = found.render(&facts).map_err(broken)?;
            let path = environment.render_str(path, &facts).map_err(broken)?;
            tree.add(path, text);
        }
        Ok(tree)
    }

    pub(super) fn environment(&self) -> Result<Environment<'_>, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("string", literals::string);
        environment.add_filter("comment", literals::comment);
        environment.add_filter("java", literals::java);
        environment.add_filter("java_selectors", literals::java_selectors);
        environment.add_filter("json", literals::json);
        environment.add_filter("plain", literals::plain);
        environment.add_filter("docstring", literals::docstring);
        environment.add_filter("python", literals::python);
        environment.add_filter("xml", literals::xml);
        let broken = |name: &str, source| TemplateError::Broken {
            name: name.to_owned(),
            source,
        };
        let syntax = SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|source| broken("syntax", source))?;
        environment.set_syntax(syntax);
        for (name, text) in EMBEDDED {
            let text = self.own.get(*name).map_or(*text, String::as_str);
            environment
                .add_template(name, text)
                .map_err(|source| broken(name, source))?;
        }
        Ok(environment)
    }
}

/// The files of an agent: their templates, and where they go.
fn files(language: Language, kind: &Kind) -> Vec<(&'static str, &'static str)> {
    let (shared, prompt) = match language {
        Language::Python => (PYTHON, ("prompt.jinja2", "{{ prompt_path }}")),
        Language::TypeScript => (TYPESCRIPT, ("prompt.hbs", "{{ prompt_path }}")),
        Language::Java => (JAVA, ("prompt.ftl", "src/main/resources/{{ prompt_path }}")),
    };
    let mut files = shared.to_vec();
    if matches!(kind, Kind::Llm(_)) {
        files.push(prompt);
    }
    files
}
