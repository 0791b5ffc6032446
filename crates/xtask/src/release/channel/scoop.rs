//! `scoop install` from the bucket. Needs Scoop, which only Windows has.

use super::{Origin, Place, Proof, commands_work};
use crate::release::{Project, Tool};
use crate::root;

pub(super) fn prove(origin: &Origin, place: &Place) -> anyhow::Result<Proof> {
    let bucket = Project::load(root::checkout())?.release.scoop_bucket;
    let base = &origin.base;
    let scoop = |line: &str| {
        Tool::new("powershell")
            .args(["-Command", &format!("scoop {line}")])
            .output()
    };
    scoop(&format!("bucket add mcp-mesh {base}/{bucket}"))?;
    scoop("install mcp-mesh")?;
    let folder = scoop("prefix mcp-mesh")?;
    commands_work(std::path::Path::new(folder.trim()), &origin.version, place)?;
    scoop("uninstall mcp-mesh")?;
    Ok(Proof::new(
        "installed, both commands work, uninstalled",
        "scoop, from the bucket",
    ))
}
