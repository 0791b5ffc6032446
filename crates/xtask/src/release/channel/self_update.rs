//! The installer of the release before, then `meshctl self update`.

use anyhow::{Context, ensure};

use super::installer::{install, with_variables};
use super::{Origin, Place, Proof, commands_work};

pub(super) fn prove(origin: &Origin, place: &Place) -> anyhow::Result<Proof> {
    let previous = origin
        .previous
        .clone()
        .context("there is no release before this one to update from")?;
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
    let check = update(&["--check", "--json"])?;
    ensure!(
        check.contains(&origin.version.to_string()),
        "`self update --check` does not see {}: {check}",
        origin.version
    );
    update(&[])?;
    commands_work(&place.bin(), &origin.version, place)?;
    update(&[]).context("a second update, with nothing to do, fails")?;
    update(&["--version", &previous.to_string()]).context("going back fails")?;
    commands_work(&place.bin(), &previous, place)?;
    Ok(Proof::new(
        format!(
            "{previous} to {}, again with nothing to do, and back by `--version`; both commands work",
            origin.version
        ),
        "`meshctl self update` of an installed release, in an empty home",
    ))
}
