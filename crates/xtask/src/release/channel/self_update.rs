//! The installer of the release before, then `meshctl self update`.

use anyhow::{Context, ensure};

use super::installer::{install, with_variables};
use super::{Origin, Place, Proof, commands_work};

pub(super) fn prove(origin: &Origin, place: &Place) -> anyhow::Result<Proof> {
    let Some(previous) = origin.previous.clone() else {
        return Ok(Proof::new("nothing", "there is no release to update from"));
    };
    install(origin, place, &previous)?;
    let meshctl = place
        .bin()
        .join(format!("meshctl{}", std::env::consts::EXE_SUFFIX));
    let update = |arguments: &[&str]| {
        let tool = place
            .program(&meshctl)
            .args(["self", "update"])
            .args(arguments);
        with_variables(origin, tool).output()
    };
    let version = origin.version.to_string();
    // Who does not name a version gets the newest stable one.
    let wanted: &[&str] = if origin.is_latest {
        let check = update(&["--check", "--json"])?;
        ensure!(
            check.contains(&version),
            "`self update --check` does not see {version}: {check}"
        );
        &[]
    } else {
        &["--version", &version]
    };
    update(wanted)?;
    commands_work(&place.bin(), &origin.version, place)?;
    update(wanted).context("a second update, with nothing to do, fails")?;
    update(&["--version", &previous.to_string()]).context("going back fails")?;
    commands_work(&place.bin(), &previous, place)?;
    Ok(Proof::new(
        format!(
            "{previous} to {version}, again with nothing to do, and back by `--version`; both commands work"
        ),
        "`meshctl self update` of an installed release, in an empty home",
    ))
}
