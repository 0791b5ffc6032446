//! A rehearsal has no network: what it needs is fetched before, then it runs in a network namespace
//! that has nothing but loopback.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::sources::xtask;
use crate::release::{Tool, say};
use crate::root;

/// Says to the copy of this program in the namespace that it is there.
pub(super) const INSIDE: &str = "--inside";

/// Fetches the crates of the lock file, and the Python packages that an agent needs, into `wheels`.
pub(super) fn fetch(wheels: &Path) -> anyhow::Result<()> {
    Tool::new("cargo")
        .args(["fetch", "--locked", "--quiet"])
        .current_dir(root::checkout())
        .output()?;
    std::fs::create_dir_all(wheels)
        .with_context(|| format!("failed to create `{}`", wheels.display()))?;
    let requirements = root::checkout().join("python/requirements");
    Tool::new("python")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--only-binary", ":all:", "--dest"])
        .arg(wheels)
        .arg("--requirement")
        .arg(requirements.join("fastmcp-pinned.txt"))
        // What pip builds the source distribution with.
        .args(["uvicorn", "--constraint"])
        .arg(requirements.join("dev.txt"))
        .arg("maturin")
        .output()?;
    Ok(())
}

/// Fetches the locked dependencies of the images, for both platforms, into `wheels`.
pub(super) fn fetch_for_images(wheels: &Path) -> anyhow::Result<()> {
    xtask()
        .args(["fetch-image-wheels", "--out"])
        .arg(wheels)
        .output()?;
    Ok(())
}

/// Runs this program again where there is no network, if the system permits that.
pub(super) fn enter(arguments: &[std::ffi::OsString]) -> anyhow::Result<Option<ExitCode>> {
    let namespace: &[&str] = &["--net", "--map-root-user"];
    // Root needs no user namespace, and keeps the right to mount.
    let namespace = if is_root()? {
        &namespace[..1]
    } else {
        namespace
    };
    let possible = Tool::new("unshare")
        .args(namespace)
        .args(["ip", "link", "set", "lo", "up"])
        .output();
    if let Err(error) = possible {
        say(format_args!(
            "the network stays: no namespace without one ({error:#})"
        ));
        return Ok(None);
    }
    let program = std::env::current_exe().context("failed to find this program")?;
    let status = Tool::new("unshare")
        .args(namespace)
        .args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .arg(program)
        .args(arguments)
        .arg(INSIDE)
        .env("CARGO_NET_OFFLINE", "true")
        .into_command()
        .status()
        .context("failed to run `unshare`")?;
    Ok(Some(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }))
}

fn is_root() -> anyhow::Result<bool> {
    Ok(Tool::new("id").arg("-u").output()? == "0")
}
