//! `curl … | sh`, and `irm … | iex` on Windows.

use anyhow::ensure;

use super::{Origin, Place, Proof, commands_work};
use crate::release::{ReleaseVersion, Tool};

pub(super) fn prove(origin: &Origin, place: &Place) -> anyhow::Result<Proof> {
    install(origin, place, &origin.version)?;
    commands_work(&place.bin(), &origin.version, place)?;
    uninstall(origin, place)?;
    Ok(Proof::new(
        "both commands work; uninstalling leaves neither them nor a receipt",
        "downloaded and piped into the shell, in an empty home",
    ))
}

/// Installs `version` the way its page says.
pub(super) fn install(
    origin: &Origin,
    place: &Place,
    version: &ReleaseVersion,
) -> anyhow::Result<()> {
    run(origin, place, version, &[])
}

fn uninstall(origin: &Origin, place: &Place) -> anyhow::Result<()> {
    run(origin, place, &origin.version, &["--uninstall"])?;
    for left in [place.bin().join("meshctl"), receipt(place)] {
        ensure!(!left.exists(), "uninstalling leaves `{}`", left.display());
    }
    Ok(())
}

fn receipt(place: &Place) -> std::path::PathBuf {
    place.home().join(".config/mcp-mesh/mcp-mesh-receipt.json")
}

fn run(
    origin: &Origin,
    place: &Place,
    version: &ReleaseVersion,
    options: &[&str],
) -> anyhow::Result<()> {
    let tool = if cfg!(windows) {
        let url = origin.asset_of(version, "mcp-mesh-installer.ps1");
        let options = options.join(" ").replace("--uninstall", "-Uninstall");
        place.system("powershell").args([
            "-ExecutionPolicy",
            "Bypass",
            "-Command",
            &format!("& ([scriptblock]::Create((irm '{url}'))) {options}"),
        ])
    } else {
        let url = origin.asset_of(version, "mcp-mesh-installer.sh");
        place.shell(&format!(
            "curl --fail --location --silent --show-error '{url}' | sh -s -- {}",
            options.join(" ")
        ))
    };
    with_variables(origin, tool).output()?;
    Ok(())
}

/// What leads installers and updates to the right server.
pub(super) fn with_variables(origin: &Origin, tool: Tool) -> Tool {
    origin
        .variables()
        .into_iter()
        .fold(tool, |tool, (name, value)| tool.env(name, value))
}
