//! Which meshctl this is, whether others are in its way, and where the registry is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use mesh_core::VERSION;
use tokio::process::Command;

use super::{Finding, Subject};
use crate::settings::RegistryAddress;
use crate::supervisor::{find_binary, own_program};

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_millis(700);
const NAME: &str = if cfg!(windows) {
    "meshctl.exe"
} else {
    "meshctl"
};

pub(super) async fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let own = own_program(subject.program, &subject.environment);
    let (path, registry) = tokio::join!(
        path_finding(own.as_deref(), subject),
        registry_finding(subject)
    );
    let shown = own.as_deref().map_or_else(
        || "its own place is not known".to_owned(),
        |path| path.display().to_string(),
    );
    let mut findings = vec![Finding::ok(
        "meshctl",
        format!("meshctl {VERSION}, {shown}"),
    )];
    findings.extend(path);
    findings.push(registry);
    findings
}

/// Whether the name on the PATH is this program.
async fn path_finding(own: Option<&Path>, subject: &Subject<'_>) -> Option<Finding> {
    let check = "path";
    let own = own.and_then(|path| fs::canonicalize(path).ok());
    let found = on_path(subject);
    let Some(first) = found.first() else {
        return Some(
            Finding::warning(check, "`meshctl` is not on the PATH")
                .cure(lead_path(own.as_deref()?.parent()?)),
        );
    };
    let others: Vec<&PathBuf> = found
        .iter()
        .filter(|path| fs::canonicalize(path).ok() != own)
        .collect();
    let versions = join_all(others.iter().map(|path| version(path))).await;
    let different: Vec<String> = others
        .iter()
        .zip(&versions)
        .filter(|(_, version)| version.as_deref() != Some(VERSION))
        .map(|(path, version)| {
            let version = version.as_deref().unwrap_or("of unknown version");
            format!("{} ({version})", path.display())
        })
        .collect();
    if different.is_empty() {
        return Some(Finding::ok(
            check,
            "the `meshctl` on the PATH is of this version",
        ));
    }
    let is_first = fs::canonicalize(first).ok() == own;
    let list = different.join(", ");
    let message = if is_first {
        format!("other versions are on the PATH as well, behind this one: {list}")
    } else {
        format!("the PATH leads to another version first: {list}")
    };
    let folder = own.as_deref().and_then(Path::parent)?;
    Some(Finding::warning(check, message).cure(if !is_first {
        lead_path(folder)
    } else if cfg!(windows) {
        "where.exe meshctl".to_owned()
    } else {
        "type -a meshctl".to_owned()
    }))
}

/// What one types to have `folder` first on the PATH: for PowerShell on Windows.
fn lead_path(folder: &Path) -> String {
    let folder = folder.display().to_string();
    if cfg!(windows) {
        // So begin canonical names there; a PATH of them finds nothing.
        let folder = folder.strip_prefix(r"\\?\").unwrap_or(&folder);
        format!("$Env:PATH = \"{folder};$Env:PATH\"")
    } else {
        format!("export PATH=\"{folder}:$PATH\"")
    }
}

/// Every `meshctl` on the PATH, each once.
fn on_path(subject: &Subject<'_>) -> Vec<PathBuf> {
    let path = subject.environment.get("PATH").unwrap_or_default();
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for folder in std::env::split_paths(path).filter(|folder| folder.is_absolute()) {
        let program = folder.join(NAME);
        if !program.is_file() {
            continue;
        }
        let real = fs::canonicalize(&program).unwrap_or_else(|_| program.clone());
        if !seen.contains(&real) {
            seen.push(real);
            found.push(program);
        }
    }
    found
}

async fn registry_finding(subject: &Subject<'_>) -> Finding {
    let check = "registry_program";
    let program = match find_binary(subject.program, &subject.environment) {
        Ok(program) => program,
        Err(error) => {
            // Whoever asks a registry elsewhere starts none.
            let is_needed = subject
                .address
                .as_ref()
                .is_ok_and(RegistryAddress::is_local);
            return if is_needed {
                Finding::problem(check, &error).cure("meshctl man prerequisites")
            } else {
                Finding::ok(
                    check,
                    format!("{error}; none is needed for a registry elsewhere"),
                )
            };
        }
    };
    let shown = program.display();
    match version(&program).await.as_deref() {
        Some(VERSION) => Finding::ok(check, format!("mcp-mesh-registry {VERSION}, {shown}")),
        Some(other) => Finding::warning(
            check,
            format!("mcp-mesh-registry {other} is what `start` starts, {shown}"),
        )
        .cure("meshctl man prerequisites"),
        None => Finding::problem(check, format!("{shown} does not say its version"))
            .cure(format!("{shown} --version")),
    }
}

/// What a program of ours says to `--version`: the last word of its first line.
async fn version(program: &Path) -> Option<String> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let word = text.lines().next()?.split_whitespace().last()?;
    Some(word.trim_start_matches('v').to_owned())
}
