//! Every channel that this machine can walk to its end.

use std::path::Path;

use super::report::{Report, Row};
use crate::release::channel::{Channel, Form, Origin, Place, prove_python_package};

/// Each channel in an empty home of its own; one that fails does not stop the others.
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
            Ok(vec![Row::real(name, proof)])
        });
    }
    for (name, form) in [("PyPI wheel", Form::Wheel), ("PyPI sdist", Form::Source)] {
        report.step(name, || {
            let place = Place::new(scratch, &name.replace(' ', "-"))?;
            let proof = prove_python_package(origin, &place, form)?;
            place.remove()?;
            Ok(vec![Row::faked(
                name,
                proof,
                "the index only: a simple index on loopback",
            )])
        });
    }
}
