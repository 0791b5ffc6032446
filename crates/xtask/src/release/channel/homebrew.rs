//! `brew install` from the tap. Needs brew, which the rehearsal stands in for by a harness.

use super::{Origin, Place, Proof, commands_work};
use crate::release::{Project, Tool};
use crate::root;

pub(super) fn prove(origin: &Origin, place: &Place) -> anyhow::Result<Proof> {
    let tap = Project::load(root::checkout())?.release.homebrew_tap;
    // `owner/homebrew-name` is called `owner/name`.
    let formula = format!("{}/mcp-mesh", tap.replacen("/homebrew-", "/", 1));
    Tool::new("brew").args(["install", &formula]).show()?;
    Tool::new("brew").args(["test", &formula]).show()?;
    let prefix = Tool::new("brew").args(["--prefix", &formula]).output()?;
    commands_work(
        &std::path::Path::new(&prefix).join("bin"),
        &origin.version,
        place,
    )?;
    Tool::new("brew").args(["uninstall", &formula]).show()?;
    Ok(Proof::new(
        "installed, tested, both commands work, uninstalled",
        "brew, from the tap",
    ))
}
