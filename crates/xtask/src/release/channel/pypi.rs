//! `pip install mcp-mesh`, from the wheel or from the source distribution.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Origin, Place, Proof, commands_work};
use crate::release::Tool;
use crate::root;

/// What pip may install from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Wheel,
    /// Compiles it, so that needs Rust.
    Source,
}

/// Installs it into a fresh environment, imports it, and runs the two agents of the README with what
/// came along.
pub(crate) fn prove(origin: &Origin, place: &Place, form: Form) -> anyhow::Result<Proof> {
    let version = origin.version.pep440();
    let environment = place.home().join("venv");
    let python = python();
    place
        .program(&python)
        .args(["-m", "venv"])
        .arg(&environment)
        .output()?;
    let bin = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let python = bin.join(format!("python{}", std::env::consts::EXE_SUFFIX));

    install(place, origin, &python, form)?;
    let said = place
        .program(&python)
        .args(["-c", "import mesh, mcp_mesh; print(mcp_mesh.__version__)"])
        .output()?;
    ensure!(
        said == version || said == origin.version.to_string(),
        "`mcp_mesh.__version__` is {said}, expected {version}"
    );
    commands_work(&bin, &origin.version, place)?;
    if !cfg!(windows) {
        run_two_agents(place, &bin)?;
    }
    place
        .program(&python)
        .args(["-m", "pip", "uninstall", "--yes", "--quiet", "mcp-mesh"])
        .output()?;
    ensure!(
        !bin.join("meshctl").exists(),
        "`pip uninstall mcp-mesh` leaves the command meshctl"
    );
    Ok(Proof::new(
        "import, both commands, a mesh of two agents; uninstalled",
        match form {
            Form::Wheel => "pip installs the wheel into a fresh environment",
            Form::Source => "pip compiles the source distribution for a fresh environment",
        },
    ))
}

/// Installs it; an index may show what was just uploaded only after some minutes.
fn install(place: &Place, origin: &Origin, python: &Path, form: Form) -> anyhow::Result<()> {
    let attempts = if origin.index.is_some() { 1 } else { 10 };
    let requirement = format!("mcp-mesh=={}", origin.version.pep440());
    for attempt in 1.. {
        let tried = pip(place, origin, python, form).arg(&requirement).output();
        match tried {
            Err(_) if attempt < attempts => std::thread::sleep(Duration::from_mins(1)),
            tried => {
                tried.with_context(|| format!("pip does not install {requirement}"))?;
                break;
            }
        }
    }
    Ok(())
}

fn pip(place: &Place, origin: &Origin, python: &Path, form: Form) -> Tool {
    let tool = place.program(python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    let tool = match &origin.index {
        Some(index) => tool.args(["--index-url", index]),
        None => tool,
    };
    match form {
        Form::Wheel => tool.args(["--only-binary", ":all:"]),
        Form::Source => with_rust(tool.args(["--no-binary", "mcp-mesh"])),
    }
}

/// The source distribution is compiled: by the toolchain and the crates that this machine has.
fn with_rust(tool: Tool) -> Tool {
    let environment = mesh_core::env::Environment::of_process();
    let tool = match environment.get("PATH") {
        Some(path) => tool.env("PATH", path),
        None => tool,
    };
    let home = environment.get("HOME").map(PathBuf::from);
    [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")]
        .into_iter()
        .fold(tool, |tool, (name, folder)| {
            let set = environment.get(name).map(PathBuf::from);
            match set.or_else(|| home.as_ref().map(|home| home.join(folder))) {
                Some(path) => tool.env(name, path),
                None => tool,
            }
        })
        .env(
            "CARGO_NET_OFFLINE",
            environment.get("CARGO_NET_OFFLINE").unwrap_or("false"),
        )
}

/// The interpreter that the project's own environment was made with: what a user types may be older.
fn python() -> PathBuf {
    let ours = root::checkout().join(".venv/bin/python");
    let real = fs::canonicalize(&ours).ok();
    real.unwrap_or_else(|| PathBuf::from(if cfg!(windows) { "python" } else { "python3" }))
}

/// The README's two agents, started, wired, called and stopped by `examples/demo.sh`.
fn run_two_agents(place: &Place, bin: &Path) -> anyhow::Result<()> {
    let examples = place.home().join("examples");
    Tool::new("cp")
        .arg("-r")
        .arg(root::checkout().join("examples"))
        .arg(&examples)
        .output()?;
    place
        .program(&examples.join("demo.sh"))
        .env("DEMO_BIN", bin)
        .env("VIRTUAL_ENV", bin.parent().unwrap_or(bin))
        .output()
        .context("the two agents of the README do not run")?;
    Ok(())
}
