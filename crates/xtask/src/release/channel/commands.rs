//! Whether the two commands work, however they were installed.

use std::path::Path;

use anyhow::{Context, ensure};
use mesh_test::free_port;

use super::Place;
use crate::release::ReleaseVersion;

/// Runs the commands in `bin`: both say `version`, and a registry starts, answers and is stopped.
pub(crate) fn commands_work(
    bin: &Path,
    version: &ReleaseVersion,
    place: &Place,
) -> anyhow::Result<()> {
    let suffix = std::env::consts::EXE_SUFFIX;
    let meshctl = bin.join(format!("meshctl{suffix}"));
    let registry = bin.join(format!("mcp-mesh-registry{suffix}"));
    says(place, &meshctl, &["version"], version)?;
    says(place, &meshctl, &["--version"], version)?;
    says(place, &registry, &["--version"], version)?;

    let port = free_port().context("there is no free port")?.to_string();
    let run = |arguments: &[&str]| {
        place
            .program(&meshctl)
            .args(arguments)
            .env("MCP_MESH_REGISTRY_PORT", &port)
            .output()
    };
    run(&["start", "-d", "--registry-only", "--registry-port", &port])
        .context("the registry does not start")?;
    let url = format!("http://localhost:{port}");
    let list = run(&["list", "--json", "--registry-url", &url]);
    // Stopped whatever the answer was: nothing is left behind.
    let stopped = run(&["stop"]);
    let list = list.context("the registry does not answer")?;
    ensure!(
        list.contains("\"agents\""),
        "`meshctl list --json` printed {list}"
    );
    stopped.context("the registry does not stop")?;
    Ok(())
}

fn says(
    place: &Place,
    program: &Path,
    arguments: &[&str],
    version: &ReleaseVersion,
) -> anyhow::Result<()> {
    let text = place.program(program).args(arguments).output()?;
    // A line about the program may follow.
    let said = text
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().last());
    ensure!(
        said == Some(version.to_string().as_str()),
        "`{} {}` says `{text}`, expected version {version}",
        program.display(),
        arguments.join(" ")
    );
    Ok(())
}
