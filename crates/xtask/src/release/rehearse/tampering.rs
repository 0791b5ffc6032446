//! What must not work, tried with the real programs: each case names its cause, and the installation
//! that was there before still works.

mod cases;
mod forgery;

use std::path::Path;

use anyhow::{Context, ensure};
use mesh_test::{Hub, free_port};

use self::cases::{Attempt, CASES, Case, Server};
use self::forgery::Forgery;
use super::releases::Release;
use super::report::Row;
use crate::release::channel::{Origin, Place, commands_work};
use crate::release::{ReleaseVersion, Target, Tool, stand_ins};

/// Tries every case, and fails with all that were not refused as they should be.
pub(super) fn try_everything(
    scratch: &Path,
    old: &Release,
    new: &Release,
    origin: &Origin,
) -> anyhow::Result<Vec<Row>> {
    let forgery = Forgery::new(&scratch.join("forged"), old, new)?;
    let hub = Hub::start(forgery.root());
    let may_mount = may_mount();
    let mut refused = Vec::new();
    let mut wrong = Vec::new();
    let mut left = Vec::new();
    for case in CASES {
        if case.needs_mount && !may_mount {
            left.push(case.name);
            continue;
        }
        forgery.restore()?;
        hub.heal();
        let place = Place::new(scratch, "tampered")?;
        match attempt(case, &forgery, &hub, origin, &place) {
            Ok(()) => {
                refused.push(case.name);
                place.remove()?;
            }
            Err(error) => wrong.push(format!("case `{}`: {error:#}", case.name)),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut rows = vec![Row::real(
        "bad releases and bad machines",
        format!(
            "refused, and what was installed still works: {}",
            refused.join("; ")
        ),
        format!(
            "{} cases with the real installer and programs",
            refused.len()
        ),
    )];
    forgery.restore()?;
    hub.heal();
    let place = Place::new(scratch, "old-glibc")?;
    rows.push(old_glibc(&hub, new, origin, &place)?);
    if !left.is_empty() {
        rows.push(Row::left(
            &left.join("; "),
            "needs the right to mount a disk",
        ));
    }
    Ok(rows)
}

/// A machine whose glibc is too old gets the static archive.
fn old_glibc(hub: &Hub, new: &Release, origin: &Origin, place: &Place) -> anyhow::Result<Row> {
    fetch_installer(hub, origin, place, &origin.version)?;
    let said = place
        .shell(
            "mkdir tools\n\
             printf '#!/bin/sh\\necho \"ldd (GNU libc) 2.12\"\\n' >tools/ldd\n\
             chmod +x tools/ldd\n\
             PATH=$HOME/tools:$PATH sh installer.sh 2>&1",
        )
        .env("MCP_MESH_INSTALLER_GHE_BASE_URL", hub.base_url())
        .output()?;
    let target: Target = "x86_64-unknown-linux-musl".parse()?;
    ensure!(
        said.contains(target.triple()),
        "glibc 2.12 should lead to the static archive:\n{said}"
    );
    let row = Row::real(
        "old glibc",
        "the installer says that 2.12 is too old, takes the static archive, and its commands work",
        "the real installer and programs",
    );
    let old_system = "an old system: an `ldd` that says 2.12";
    if stand_ins::stands_in(&new.upload.join(target.archive()), target)? {
        place.remove()?;
        return Ok(row.but_for(format!("{old_system}; the static archive holds no program")));
    }
    commands_work(&place.bin(), &origin.version, place)?;
    place.remove()?;
    Ok(row.but_for(old_system))
}

/// Installs the old version, spoils what the case spoils, and tries for the new one.
fn attempt(
    case: &Case,
    forgery: &Forgery,
    hub: &Hub,
    origin: &Origin,
    place: &Place,
) -> anyhow::Result<()> {
    let old = forgery.old_version();
    install_old(hub, origin, place, &old)?;
    (case.tamper)(forgery, hub, place)?;
    let base = match case.server {
        Server::Hub => hub.base_url().to_owned(),
        Server::Nobody => {
            let port = free_port().context("there is no free port")?;
            format!("http://127.0.0.1:{port}")
        }
    };
    let line = match case.attempt {
        Attempt::Update(arguments) => {
            format!("\"$HOME/.local/bin/meshctl\" self update {arguments}")
        }
        Attempt::Install(arguments) => format!("sh \"$HOME/installer.sh\" {arguments}"),
        Attempt::ByHand(line) => line.to_owned(),
    };
    // The old programs are asked where the attempt ran: mounts of the case are seen there only.
    let script = format!(
        "{}\nset +e\n{line}\ncode=$?\n\"$HOME/.local/bin/meshctl\" version\n\
         \"$HOME/.local/bin/mcp-mesh-registry\" --version\nexit $code",
        case.before
    );
    let tool = if case.needs_mount {
        place
            .system("unshare")
            .args(["--mount", "bash", "-euc", &script])
    } else {
        place.system("bash").args(["-euc", &script])
    };
    let output = tool
        .env("MCP_MESH_INSTALLER_GHE_BASE_URL", &base)
        .env("KEY", origin.public_key.as_deref().unwrap_or_default())
        .env("NEW", origin.version.to_string())
        .env("REPOSITORY", &origin.repository)
        .into_command()
        .output()
        .context("failed to run the case")?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = format!("{stdout}\n{stderr}");
    ensure!(!output.status.success(), "it was not refused:\n{said}");
    ensure!(
        case.says.iter().all(|words| said.contains(words)),
        "the message should name {:?}:\n{said}",
        case.says
    );
    for program in ["meshctl version", "MCP Mesh Registry"] {
        ensure!(
            stdout.contains(&format!("{program} {old}\n")),
            "`{program}` is no longer the old one:\n{said}"
        );
    }
    Ok(())
}

/// The old version as its user installed it, and the installer of the new one beside it.
fn install_old(
    hub: &Hub,
    origin: &Origin,
    place: &Place,
    old: &ReleaseVersion,
) -> anyhow::Result<()> {
    fetch_installer(hub, origin, place, old)?;
    place
        .shell("sh installer.sh --quiet")
        .env("MCP_MESH_INSTALLER_GHE_BASE_URL", hub.base_url())
        .output()
        .context("the old version does not install")?;
    fetch_installer(hub, origin, place, &origin.version)
}

/// Puts the installer of `version` into the place as `installer.sh`.
fn fetch_installer(
    hub: &Hub,
    origin: &Origin,
    place: &Place,
    version: &ReleaseVersion,
) -> anyhow::Result<()> {
    let origin = Origin {
        base: hub.base_url().to_owned(),
        ..origin.clone()
    };
    place
        .system("curl")
        .args([
            "--fail",
            "--silent",
            "--show-error",
            "--output",
            "installer.sh",
        ])
        .arg(origin.asset_of(version, "mcp-mesh-installer.sh"))
        .output()
        .with_context(|| format!("the installer of {version} is not served"))?;
    Ok(())
}

fn may_mount() -> bool {
    Tool::new("unshare")
        .args(["--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"])
        .output()
        .is_ok()
}
