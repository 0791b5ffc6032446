//! Every channel that this machine can walk to its end.

use std::path::Path;

use super::report::{Report, Row};
use crate::release::channel::{Channel, Form, Origin, Place, prove_python_package};

/// Each channel that is quick, in an empty home of its own; one that fails does not stop the others.
pub(super) fn walk(report: &mut Report, scratch: &Path, origin: &Origin) {
    for (name, channel) in [
        ("shell installer", Channel::Installer),
        ("archive", Channel::Archive),
        ("self update", Channel::SelfUpdate),
        (".deb", Channel::Deb),
        (".rpm", Channel::Rpm),
    ] {
        if channel == Channel::SelfUpdate && origin.previous.is_none() {
            continue;
        }
        report.step(name, || {
            let place = Place::new(scratch, &name.replace([' ', '.'], "-"))?;
            let proof = channel.prove(origin, &place)?;
            place.remove()?;
            Ok(vec![Row::real(name, proof.proven, proof.how)])
        });
    }
    report.step("PyPI wheel", || {
        python_package(scratch, origin, Form::Wheel)
    });
}

/// Installs the Python package by pip from the hub's index.
pub(super) fn python_package(
    scratch: &Path,
    origin: &Origin,
    form: Form,
) -> anyhow::Result<Vec<Row>> {
    let (name, folder) = match form {
        Form::Wheel => ("PyPI wheel", "wheel"),
        Form::Source => ("PyPI sdist", "sdist"),
    };
    let place = Place::new(scratch, folder)?;
    let proof = prove_python_package(origin, &place, form)?;
    place.remove()?;
    let row = Row::real(name, proof.proven, proof.how);
    Ok(vec![row.but_for("the index: a simple one on loopback")])
}
