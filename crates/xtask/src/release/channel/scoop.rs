//! `scoop install` from the bucket. Needs Scoop, which only Windows has.

use super::{Origin, Place, commands_work};
use crate::release::{Project, Tool};
use crate::root;

pub(super) fn prove(origin: &Origin, place: &Place) -> anyhow::Result<String> {
    let bucket = Project::load(root::checkout())?.release.scoop_bucket;
    let scoop = |line: &str| {
        Tool::new("powershell")
            .args(["-Command", &format!("scoop {line}")])
            .output()
    };
    scoop(&format!("bucket add mcp-mesh https://github.com/{bucket}"))?;
    scoop("install mcp-mesh")?;
    let folder = scoop("prefix mcp-mesh")?;
    commands_work(std::path::Path::new(folder.trim()), &origin.version, place)?;
    scoop("uninstall mcp-mesh")?;
    Ok("installed from the bucket, used, uninstalled".to_owned())
}
