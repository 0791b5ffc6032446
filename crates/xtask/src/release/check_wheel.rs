//! `release check-wheel`: what PyPI, pip and old systems would complain about, before they can.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::archive::Files;
use super::build::machine::trace_in;
use super::elf::GlibcVersion;
use super::project::BINARIES;
use super::{Project, Tool};
use crate::root;

/// Check wheels and source distributions before they are published
#[derive(Debug, clap::Args)]
pub(crate) struct CheckWheelArgs {
    /// Wheels and source distributions
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The checkout they were built from
    #[arg(long, value_name = "DIR", default_value = root::checkout().as_os_str())]
    workspace: PathBuf,
}

pub(crate) fn run(args: &CheckWheelArgs) -> anyhow::Result<()> {
    let project = Project::load(&args.workspace)?;
    for file in &args.files {
        check(&project, file).with_context(|| format!("`{}`", file.display()))?;
    }
    // Last: it meets what is no archive with a traceback.
    Tool::new("twine")
        .args(["check", "--strict"])
        .args(&args.files)
        .output()?;
    Ok(())
}

fn check(project: &Project, path: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(path).context("failed to read it")?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let version = project.version.pep440();
    if name == format!("mcp_mesh-{version}.tar.gz") {
        return check_source(&version, &unpack_tar(&bytes)?);
    }
    let Some(platforms) = name
        .strip_prefix(&format!("mcp_mesh-{version}-cp311-abi3-"))
        .and_then(|rest| rest.strip_suffix(".whl"))
    else {
        bail!(
            "the name is neither `mcp_mesh-{version}.tar.gz` nor `mcp_mesh-{version}-cp311-abi3-….whl`"
        );
    };
    check_contents(&version, &unpack_zip(&bytes)?)?;
    Tool::new("abi3audit").arg("--strict").arg(path).output()?;
    Tool::new("check-wheel-contents")
        .arg("--config")
        .arg(project.root.join("pyproject.toml"))
        .arg(path)
        .output()?;
    if platforms.contains("manylinux") {
        let report = Tool::new("auditwheel").arg("show").arg(path).output()?;
        check_platform(platforms, &report)?;
    }
    Ok(())
}

/// What must be in a wheel, and what must not.
fn check_contents(version: &str, files: &Files) -> anyhow::Result<()> {
    let info = format!("mcp_mesh-{version}.dist-info");
    for path in [
        "mesh/__init__.py",
        "mesh/_mesh.pyi",
        "mesh/py.typed",
        "mcp_mesh/__init__.py",
        "mcp_mesh/py.typed",
        "_mcp_mesh/tracing/context.py",
        &format!("{info}/licenses/LICENSE"),
        &format!("{info}/sboms/mesh-py.cyclonedx.json"),
    ] {
        file(files, path)?;
    }
    let metadata = text(files, &format!("{info}/METADATA"))?;
    check_version(version, metadata)?;
    let entry_points = text(files, &format!("{info}/entry_points.txt"))?;
    for command in BINARIES {
        if !entry_points
            .lines()
            .any(|line| line.starts_with(&format!("{command}=")))
        {
            bail!("there is no command `{command}` among the entry points:\n{entry_points}");
        }
    }
    for (path, _, bytes) in files.iter() {
        let is_test = path
            .split('/')
            .any(|part| part == "tests" || part.starts_with("test_"));
        if is_test {
            bail!("`{path}` is a test; users need none");
        }
        check_traces(path, bytes)?;
    }
    Ok(())
}

/// What a source distribution needs in order to build anywhere.
fn check_source(version: &str, files: &Files) -> anyhow::Result<()> {
    let root = format!("mcp_mesh-{version}");
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "pyproject.toml",
        "python/README.md",
        "python/mesh/__init__.py",
        "python/mesh/_mesh.pyi",
        "python/mesh/py.typed",
        "crates/mesh-py/Cargo.toml",
        "crates/meshctl/Cargo.toml",
        "crates/mesh-registry/Cargo.toml",
        "crates/mesh-store/migrations/sqlite/0001_registry.sql",
    ] {
        file(files, &format!("{root}/{path}"))?;
    }
    check_version(version, text(files, &format!("{root}/PKG-INFO"))?)?;
    for (path, ..) in files.iter() {
        if !path.starts_with(&format!("{root}/")) {
            bail!("`{path}` lies outside `{root}/`");
        }
        if path.contains("/.git/") || path.contains("/target/") || path.contains("__pycache__") {
            bail!("`{path}` is no source");
        }
    }
    Ok(())
}

/// Holds the platforms of a wheel's name against what auditwheel read from its symbols.
fn check_platform(platforms: &str, report: &str) -> anyhow::Result<()> {
    let report: String = report.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = report
        .split_once("following platform tag: \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(tag, _)| tag)
        .with_context(|| format!("auditwheel names no platform: {report}"))?;
    let claimed: Vec<_> = platforms.split('.').filter_map(glibc_of).collect();
    let (Some(found_glibc), Some(oldest)) = (glibc_of(found), claimed.iter().min()) else {
        bail!("auditwheel finds `{found}`, which is no manylinux with a version of glibc");
    };
    if found_glibc > *oldest {
        bail!("the name promises {platforms}, but auditwheel finds `{found}`");
    }
    Ok(())
}

/// 2.17 of `manylinux_2_17_x86_64`; the old names, which have a new one beside them, say nothing.
fn glibc_of(platform: &str) -> Option<GlibcVersion> {
    let mut parts = platform.strip_prefix("manylinux_")?.split('_');
    let (major, minor) = (parts.next()?, parts.next()?);
    format!("{major}.{minor}").parse().ok()
}

fn check_version(version: &str, metadata: &str) -> anyhow::Result<()> {
    let found = metadata
        .lines()
        .find_map(|line| line.strip_prefix("Version: "))
        .context("the metadata has no version")?;
    if found != version {
        bail!("the metadata says version {found}, but the workspace is at {version}");
    }
    Ok(())
}

fn check_traces(path: &str, bytes: &[u8]) -> anyhow::Result<()> {
    match trace_in(bytes) {
        Some(trace) => bail!("`{path}` names a folder of the machine that built it: `{trace}`"),
        None => Ok(()),
    }
}

fn file<'a>(files: &'a Files, path: &str) -> anyhow::Result<&'a [u8]> {
    files
        .iter()
        .find_map(|(found, _, bytes)| (found == path).then_some(bytes))
        .with_context(|| format!("there is no `{path}` inside"))
}

fn text<'a>(files: &'a Files, path: &str) -> anyhow::Result<&'a str> {
    std::str::from_utf8(file(files, path)?).with_context(|| format!("`{path}` is no text"))
}

fn unpack_zip(bytes: &[u8]) -> anyhow::Result<Files> {
    Files::of_zip(bytes).context("this is no wheel, or a damaged one")
}

fn unpack_tar(bytes: &[u8]) -> anyhow::Result<Files> {
    Files::of_tar_gz(bytes).context("this is no source distribution, or a damaged one")
}

#[cfg(test)]
mod tests {
    use super::super::archive::Mode;
    use super::*;

    const INFO: &str = "mcp_mesh-4.0.0.dist-info";

    fn wheel() -> Files {
        let mut files = Files::default();
        for path in [
            "mesh/__init__.py",
            "mesh/_mesh.pyi",
            "mesh/py.typed",
            "mcp_mesh/__init__.py",
            "mcp_mesh/py.typed",
            "_mcp_mesh/tracing/context.py",
            &format!("{INFO}/licenses/LICENSE"),
            &format!("{INFO}/sboms/mesh-py.cyclonedx.json"),
        ] {
            files.insert(path, Mode::Data, Vec::new());
        }
        add(
            &mut files,
            &format!("{INFO}/METADATA"),
            "Name: mcp-mesh\nVersion: 4.0.0\n",
        );
        let entry_points = "[console_scripts]\nmcp-mesh-registry=mesh._mesh:registry\nmeshctl=mesh._mesh:meshctl\n";
        add(
            &mut files,
            &format!("{INFO}/entry_points.txt"),
            entry_points,
        );
        files
    }

    fn add(files: &mut Files, path: &str, text: &str) {
        files.insert(path, Mode::Data, text.into());
    }

    #[test]
    fn what_is_no_package_is_named_for_what_it_is() {
        for bytes in [b"".as_slice(), b"garbage", b"PK\x05\x06"] {
            let error = unpack_zip(bytes).unwrap_err().to_string();
            assert!(error.starts_with("this is no wheel"), "{error}");
            let error = unpack_tar(bytes).unwrap_err().to_string();
            assert!(
                error.starts_with("this is no source distribution"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_whole_wheel_passes() {
        check_contents("4.0.0", &wheel()).unwrap();
        let again = unpack_zip(&wheel().zip(1_700_000_000).unwrap()).unwrap();
        check_contents("4.0.0", &again).unwrap();
    }

    #[test]
    fn each_fault_is_named() {
        for (path, text, says) in [
            (
                "mesh/tests/test_x.py",
                "",
                "`mesh/tests/test_x.py` is a test",
            ),
            (
                "mesh/_mesh.abi3.so",
                "/home/me/.cargo/registry/src",
                "names a folder",
            ),
            (
                "mcp_mesh-4.0.0.dist-info/entry_points.txt",
                "meshctl=mesh._mesh:meshctl",
                "no command `mcp-mesh-registry`",
            ),
            (
                "mcp_mesh-4.0.0.dist-info/METADATA",
                "Version: 4.0.1",
                "version 4.0.1, but the workspace is at 4.0.0",
            ),
        ] {
            let mut files = wheel();
            add(&mut files, path, text);
            let error = check_contents("4.0.0", &files).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let error = check_contents("4.1.0", &wheel()).unwrap_err().to_string();
        assert!(error.contains("there is no `mcp_mesh-4.1.0"), "{error}");
    }

    #[test]
    fn a_source_lacks_nothing_and_brings_nothing_else() {
        let error = check_source("4.0.0", &Files::default()).unwrap_err();
        assert!(
            error.to_string().contains("mcp_mesh-4.0.0/Cargo.toml"),
            "{error}"
        );
    }

    #[test]
    fn a_platform_is_what_the_symbols_allow() {
        let report =
            |tag| format!("x.whl\nis consistent with the following platform\ntag: \"{tag}\".");
        let platforms = "manylinux2014_x86_64.manylinux_2_17_x86_64";
        check_platform(platforms, &report("manylinux_2_17_x86_64")).unwrap();
        check_platform(platforms, &report("manylinux_2_12_x86_64")).unwrap();
        for (tag, says) in [
            (
                "manylinux_2_28_x86_64",
                "auditwheel finds `manylinux_2_28_x86_64`",
            ),
            ("linux_x86_64", "`linux_x86_64`, which is no manylinux"),
        ] {
            let error = check_platform(platforms, &report(tag))
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_file_of_another_version_is_refused_by_its_name() {
        let project = Project::load(root::checkout()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder
            .path()
            .join("mcp_mesh-0.0.1-cp311-abi3-win_amd64.whl");
        fs::write(&path, "").unwrap();
        let error = check(&project, &path).unwrap_err().to_string();
        assert!(error.contains("cp311-abi3"), "{error}");
    }
}
