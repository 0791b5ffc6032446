//! What runs the agents in the current folder, and in those right below it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use mesh_core::VERSION;

use super::{Finding, Subject};
use crate::language::Language;
use crate::python_env::{Description, Interpreter, Surroundings};
use crate::{java_env, node_env, python_env};

/// How many files are looked into, and how much of each.
const MOST: usize = 200;
const HEAD: u64 = 64 * 1024;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(folder) = &subject.current_dir else {
        let message = "the current directory is gone";
        return vec![Finding::problem("current_directory", message).cure("cd")];
    };
    let scripts = agents(folder);
    let of = |wanted: fn(Language) -> bool| -> Vec<&Path> {
        let chosen = scripts.iter().filter(|(_, language)| wanted(*language));
        chosen.map(|(script, _)| script.as_path()).collect()
    };
    let mut findings = python(
        &of(|language| language == Language::Python),
        folder,
        subject,
    );
    for (script, language) in &scripts {
        let (problems, runner) = match language {
            Language::Python => continue,
            Language::Java => {
                let (runner, missing) = java_env::look(script, &subject.environment);
                (missing.problems().to_vec(), Some(runner.program))
            }
            Language::TypeScript | Language::JavaScript => {
                let (program, missing) = node_env::look(script, *language, &subject.environment);
                (missing.problems().to_vec(), program)
            }
        };
        let check = if *language == Language::Java {
            "java"
        } else {
            "node"
        };
        let shown = script.strip_prefix(folder).unwrap_or(script).display();
        match problems.first() {
            None => {
                let runner = runner.unwrap_or_default();
                findings.push(Finding::ok(check, format!("{shown}: {}", runner.display())));
            }
            Some(_) => findings.extend(problems.iter().map(|(problem, cure)| {
                Finding::problem(check, format!("{shown}: {problem}")).cure(cure)
            })),
        }
    }
    findings
}

/// What would run the agents in Python, each interpreter once.
fn python(scripts: &[&Path], folder: &Path, subject: &Subject<'_>) -> Vec<Finding> {
    let around = Surroundings {
        current_dir: folder,
        program: subject.program,
        environment: &subject.environment,
    };
    let mut findings: Vec<Finding> = Vec::new();
    for script in scripts {
        let finding = match python_env::find(script, around) {
            Ok(interpreter) => found(&interpreter, subject),
            Err(error) => {
                let cure = error.hint_text().and_then(|hint| hint.split('`').nth(1));
                Finding::failure("python", &error).cure(cure.unwrap_or_default())
            }
        };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    if scripts.is_empty() {
        // Nobody is harmed if there is none.
        let finding = match python_env::find(&folder.join("main.py"), around) {
            Ok(interpreter) if is_known(&interpreter, subject) => found(&interpreter, subject),
            _ => Finding::ok(
                "python",
                "no agent is here, and no Python that shows the package `mcp-mesh`",
            ),
        };
        findings.push(finding);
    }
    findings
}

fn is_known(interpreter: &Interpreter, subject: &Subject<'_>) -> bool {
    python_env::describe(&interpreter.path, &subject.environment)
        .python
        .is_some()
}

fn found(interpreter: &Interpreter, subject: &Subject<'_>) -> Finding {
    let check = "python";
    let path = interpreter.path.display();
    let Description { python, package } =
        python_env::describe(&interpreter.path, &subject.environment);
    let Some(python) = python else {
        let message = format!("{path}, whose version and packages only it knows");
        return Finding::warning(check, message).cure(format!("{path} -c 'import mesh'"));
    };
    let python = format!("Python {python}");
    if let Some(other) = package.as_deref().filter(|version| *version != VERSION) {
        let message =
            format!("{python} with mcp-mesh {other}, and this meshctl is {VERSION}: {path}");
        return Finding::warning(check, message)
            .cure(format!("{path} -m pip install --upgrade mcp-mesh"));
    }
    let package = package.map_or_else(
        || "mcp-mesh from its sources".to_owned(),
        |version| format!("mcp-mesh {version}"),
    );
    let message = format!("{python} with {package}: {path}");
    match interpreter.passed_over.first() {
        None => Finding::ok(check, message),
        Some(reason) => Finding::ok(
            check,
            format!("{message} (nearer, but not usable: {reason})"),
        ),
    }
}

/// Entry points of agents, as far as a look into them tells.
fn agents(folder: &Path) -> Vec<(PathBuf, Language)> {
    let mut folders = vec![folder.to_owned()];
    folders.extend(entries(folder).into_iter().filter(|path| {
        let hidden = |name: &str| name.starts_with('.') || name == "node_modules";
        path.is_dir()
            && !path
                .file_name()
                .and_then(|name| name.to_str())
                .is_none_or(hidden)
    }));
    let mut found = Vec::new();
    for (depth, folder) in folders.iter().take(MOST).enumerate() {
        let mut scripts: Vec<PathBuf> = [
            "src/index.ts",
            "src/index.js",
            "index.ts",
            "index.js",
            "pom.xml",
        ]
        .into_iter()
        .map(|name| folder.join(name))
        .collect();
        if depth == 0 {
            scripts.extend(
                entries(folder)
                    .into_iter()
                    .filter(|path| path.extension().is_some_and(|ending| ending == "py")),
            );
        } else {
            scripts.push(folder.join("main.py"));
        }
        found.extend(scripts.into_iter().filter_map(|script| {
            let language = Language::of(&script)?;
            mentions_mesh(&script, language).then_some((script, language))
        }));
    }
    found.truncate(MOST);
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .take(MOST)
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort_unstable();
    paths
}

fn mentions_mesh(script: &Path, language: Language) -> bool {
    let mut text = Vec::new();
    let read = fs::File::open(script).and_then(|file| file.take(HEAD).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    let marks: &[&str] = match language {
        Language::Python => &["import mesh", "from mesh"],
        Language::TypeScript | Language::JavaScript => &["@mcpmesh/sdk"],
        Language::Java => &["mcp-mesh", "mcpmesh"],
    };
    read.is_ok() && marks.iter().any(|mark| text.contains(mark))
}
