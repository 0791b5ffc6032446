//! The plain archive, verified by hand as the guide says.

use anyhow::Context;

use super::{Origin, Place, Proof, commands_work};
use crate::release::{Checksums, Target, signature};

pub(super) fn prove(origin: &Origin, place: &Place) -> anyhow::Result<Proof> {
    let target = Target::host().context("releases have no archive for this machine")?;
    let platform = target
        .platform()
        .context("this platform has no plain archive")?;
    let [dated, latest] = &target.plain_archives(&origin.version)[..] else {
        anyhow::bail!("a plain archive has two names");
    };
    for name in [dated.as_str(), Checksums::FILE, Checksums::SIGNATURE] {
        place.download(&origin.asset(name), name)?;
    }
    let mut names = vec![dated];
    if origin.is_latest {
        place.download(&origin.latest_asset(latest), latest)?;
        names.push(latest);
    }
    let key = origin
        .public_key
        .as_deref()
        .context("no key to verify the signature with; pass `--public-key`")?;
    let sums = signature::verify_folder(place.home(), key, &origin.version)?;
    for name in &names {
        sums.verify_file(&place.home().join(name))?;
    }
    // Both GNU tar and the bsdtar of Windows and macOS read either format.
    place.system("tar").args(["-xf", dated]).output()?;
    let folder = place.home().join(&platform);
    commands_work(&folder, &origin.version, place)?;
    Ok(Proof::new(
        format!(
            "{}: layout `{platform}/`, both commands work",
            names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(" and ")
        ),
        "downloaded; signature and checksums verified",
    ))
}
