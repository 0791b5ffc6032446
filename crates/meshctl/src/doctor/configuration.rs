//! The configuration file and the variables.

use mesh_core::env::{EnvVars, Environment};

use super::origin::Origin;
use super::{Finding, Subject};
use crate::error::CliError;
use crate::settings::{KEYS, LogLevel, number};
use crate::suggestion::closest;

/// Variables that other parts of a mesh read, and this release's do not name.
const PREFIXES: [&str; 2] = ["MCP_MESH_", "MESHCTL_"];

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = vec![file(subject)];
    findings.extend(ignored_file(subject));
    findings.push(address(subject));
    findings.extend(proxy(subject));
    findings.extend(values(subject));
    findings.extend(unknown(subject.given));
    findings
}

fn file(subject: &Subject<'_>) -> Finding {
    let check = "config_file";
    let file = match &subject.file {
        Ok(file) => file,
        Err(error) => return Finding::warning(check, error),
    };
    match &subject.configuration {
        Ok(_) if file.path().exists() => {
            Finding::ok(check, format!("{} is valid", file.path().display()))
        }
        Ok(_) => Finding::ok(
            check,
            format!("{} is not there, and need not be", file.path().display()),
        ),
        Err(error) => {
            let problem = Finding::problem(check, error);
            match error.hint_text().and_then(command_in) {
                Some(command) => problem.cure(command),
                None => problem.cure(format!("${{EDITOR:-vi}} {}", file.path().display())),
            }
        }
    }
}

/// The last command of ours that a hint names as it can be typed.
fn command_in(hint: &str) -> Option<String> {
    let quoted = hint.split('`').skip(1).step_by(2);
    quoted
        .filter(|text| text.starts_with("meshctl ") && *text != "meshctl config path")
        .filter(|text| !text.contains("VALUE"))
        .last()
        .map(str::to_owned)
}

fn ignored_file(subject: &Subject<'_>) -> Option<Finding> {
    let ignored = subject.file.as_ref().ok()?.ignored()?;
    let message = format!("{} is not read, nor was it ever", ignored.display());
    Some(Finding::warning("former_config_file", message).cure("meshctl config show --origin"))
}

/// Which registry commands ask, and who says so.
fn address(subject: &Subject<'_>) -> Finding {
    let check = "registry_url";
    match &subject.address {
        Ok(address) => {
            let origin = Origin::of(subject).text(subject);
            Finding::ok(check, format!("{address}, from {origin}"))
        }
        Err(error) if subject.connection.url.is_some() => Finding::failure(check, error)
            .cure("meshctl doctor --registry-url http://localhost:8000"),
        Err(error) => with_unset(Finding::failure(check, error), error),
    }
}

/// Whether a proxy is asked for the registry; for this machine none ever is.
fn proxy(subject: &Subject<'_>) -> Option<Finding> {
    let address = subject.address.as_ref().ok()?;
    if address.is_local() {
        return None;
    }
    let environment = &subject.environment;
    let is_set = |name: &str| environment.get(name).is_some();
    let specific = if address.is_encrypted() {
        ["https_proxy", "HTTPS_PROXY"]
    } else {
        ["http_proxy", "HTTP_PROXY"]
    };
    let used = specific
        .into_iter()
        .chain(["all_proxy", "ALL_PROXY"])
        .find(|name| is_set(name))?;
    let exceptions = ["no_proxy", "NO_PROXY"];
    let host = address.host();
    let exempt = exceptions
        .into_iter()
        .filter_map(|name| environment.get(name))
        .flat_map(|list| list.split(','))
        .map(|entry| entry.trim().trim_start_matches('.'))
        .any(|entry| entry == "*" || (!entry.is_empty() && host.ends_with(entry)));
    if exempt {
        return None;
    }
    let message = format!("{address} is asked through the proxy that {used} names");
    Some(Finding::warning("proxy", message).cure(format!("export NO_PROXY=\"{host},$NO_PROXY\"")))
}

/// Values that a command would stumble over. Whatever stands in the file was checked there.
fn values(subject: &Subject<'_>) -> Vec<Finding> {
    let environment = &subject.environment;
    let numbers = [
        EnvVars::MCP_MESH_STARTUP_TIMEOUT,
        EnvVars::MCP_MESH_SHUTDOWN_TIMEOUT,
        EnvVars::MCP_MESH_HEALTH_CHECK_INTERVAL,
    ];
    let wrong = numbers
        .into_iter()
        .filter_map(|name| number::<u64>(environment, name).err());
    let mut findings: Vec<Finding> = wrong
        .map(|error| with_unset(Finding::failure("variables", &error), &error))
        .collect();
    findings.push(match LogLevel::of_environment(environment) {
        Ok(level) => Finding::ok("log_level", level.unwrap_or(LogLevel::Info).as_str()),
        Err(error) => with_unset(Finding::failure("log_level", &error), &error),
    });
    findings
}

/// `unset`, for the variable that an error is about.
fn with_unset(finding: Finding, error: &CliError) -> Finding {
    let text = error.to_string();
    let variable = EnvVars::ALL
        .iter()
        .map(|variable| variable.name)
        .filter(|name| text.contains(name))
        .max_by_key(|name| name.len());
    match variable {
        Some(name) => finding.cure(unset(&[name])),
        None => finding,
    }
}

/// Sets a variable for the commands that follow.
pub(super) fn set(name: &str, value: &str) -> String {
    if cfg!(windows) {
        return format!("$Env:{name} = \"{value}\"");
    }
    format!("export {name}={value}")
}

/// Between two commands of which the second follows the first; Windows' own PowerShell knows no `&&`.
pub(super) const THEN: &str = if cfg!(windows) { "; " } else { " && " };

pub(super) fn unset(names: &[&str]) -> String {
    if cfg!(windows) {
        let all: Vec<String> = names.iter().map(|name| format!("Env:{name}")).collect();
        return format!("Remove-Item {}", all.join(", "));
    }
    format!("unset {}", names.join(" "))
}

/// Variables that look like ours and are not.
fn unknown(environment: &Environment) -> Vec<Finding> {
    let known = |name: &str| {
        EnvVars::ALL.iter().any(|variable| variable.name == name)
            || KEYS.iter().any(|key| key.variable == name)
    };
    let strange: Vec<&str> = environment
        .names()
        .filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !known(name))
        .collect();
    let mut findings = Vec::new();
    let mut silent = Vec::new();
    for name in strange {
        match meant(name) {
            Some(meant) => findings.push(
                Finding::warning(
                    "unknown_variables",
                    format!("nothing reads {name}: did you mean {meant}?"),
                )
                .cure(unset(&[name])),
            ),
            None => silent.push(name),
        }
    }
    if !silent.is_empty() {
        let message = format!("nothing of this release reads {}", silent.join(", "));
        findings.push(Finding::warning("unknown_variables", message).cure(unset(&silent)));
    }
    findings
}

/// The variable whose name was spelled so. They are long and begin alike: only a slip is one.
fn meant(name: &str) -> Option<&'static str> {
    let bare = |name: &'static str| name.strip_prefix("MCP_MESH_");
    let wanted = name.strip_prefix("MCP_MESH_")?;
    let names = EnvVars::ALL
        .iter()
        .filter_map(|variable| bare(variable.name));
    let near = closest(wanted, names).into_iter().next()?;
    let slip = strsim::damerau_levenshtein(wanted, near) <= 2;
    let found = EnvVars::ALL
        .iter()
        .find(|variable| bare(variable.name) == Some(near));
    found.filter(|_| slip).map(|variable| variable.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_a_name_that_nobody_knows() {
        assert_eq!(
            meant("MCP_MESH_REGISTRI_URL"),
            Some(EnvVars::MCP_MESH_REGISTRY_URL)
        );
        assert_eq!(
            meant("MCP_MESH_LOGLEVEL"),
            Some(EnvVars::MCP_MESH_LOG_LEVEL)
        );
        for name in [
            "MCP_MESH_UI_PORT",
            "MCP_MESH_PID_FILE",
            "MESHCTL_TEMPLATE_DIR",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }

    #[test]
    fn the_command_of_a_hint_is_found() {
        let hint = "`meshctl config set x VALUE` replaces it, `meshctl config unset x` removes it";
        assert_eq!(command_in(hint).as_deref(), Some("meshctl config unset x"));
        assert_eq!(
            command_in("correct that line; `meshctl config path` names the file"),
            None
        );
    }
}
