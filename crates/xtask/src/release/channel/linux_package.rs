//! The Debian and the RPM package, installed by the system's own tool into a copy of the system that is
//! thrown away.

use anyhow::Context;

use super::{Origin, Place, Proof};
use crate::release::{Target, Tool};
use crate::root;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Deb,
    Rpm,
}

pub(super) fn prove(origin: &Origin, place: &Place, format: Format) -> anyhow::Result<Proof> {
    let target = Target::host().context("there is no package for this machine")?;
    let name = match format {
        Format::Deb => target.deb(&origin.version),
        Format::Rpm => target.rpm(&origin.version),
    };
    place.download(&origin.asset(&name), &name)?;
    let proven = Tool::at(&root::checkout().join("packaging/scripts/try-package.sh"))
        .arg(place.home().join(&name))
        .arg(origin.version.to_string())
        .output()?;
    Ok(Proof::new(
        proven,
        match format {
            Format::Deb => "dpkg, in a copy of this system that is thrown away",
            Format::Rpm => "rpm, in a copy of this system that is thrown away",
        },
    ))
}
