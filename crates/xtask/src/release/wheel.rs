//! The Python package: a wheel for a target, and the source that builds one anywhere.

use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;
use zip::write::SimpleFileOptions;

use super::build::{Build, inspect};
use super::target::{Libc, Os};
use super::{Tool, sbom};

/// Builds the wheel into the output folder.
pub(crate) fn build(build: &Build) -> anyhow::Result<PathBuf> {
    let folder = tempfile::tempdir().context("failed to create a folder for the wheel")?;
    let maturin = maturin(build, "build", folder.path()).args([
        "--release",
        "--locked",
        "--target",
        build.machine.toolchain.triple,
    ]);
    let maturin = match (build.target.os, build.target.libc) {
        (Os::Linux, Some(Libc::Musl)) => {
            maturin.args(["--zig", "--compatibility", "musllinux_1_2"])
        }
        (Os::Linux, _) => maturin.args(["--zig", "--compatibility", "manylinux2014"]),
        (Os::MacOs | Os::Windows, _) => maturin,
    };
    maturin.show()?;
    let made = only_file(folder.path())?;
    let name = made.file_name().unwrap_or_default().to_owned();
    let bytes = fs::read(&made).with_context(|| format!("failed to read `{}`", made.display()))?;
    let wheel = portable(&bytes).with_context(|| format!("in `{}`", name.display()))?;
    for (path, bytes) in native_modules(&wheel)? {
        inspect::check_module(build, &path, &bytes)?;
    }
    let out = build.out.join(name);
    fs::write(&out, wheel).with_context(|| format!("failed to write `{}`", out.display()))?;
    Ok(out)
}

/// Packs the source distribution into the output folder.
pub(crate) fn pack_source(build: &Build) -> anyhow::Result<PathBuf> {
    let folder = tempfile::tempdir().context("failed to create a folder for the sdist")?;
    maturin(build, "sdist", folder.path()).show()?;
    let made = only_file(folder.path())?;
    let out = build.out.join(made.file_name().unwrap_or_default());
    fs::copy(&made, &out).with_context(|| format!("failed to write `{}`", out.display()))?;
    Ok(out)
}

fn maturin(build: &Build, verb: &str, out: &Path) -> Tool {
    let tool = Tool::new("maturin")
        .arg(verb)
        .arg("--out")
        .arg(out)
        .current_dir(&build.project.root)
        // What the Makefile sets for builds of development; maturin knows better for a release.
        .env_remove("PYO3_CONFIG_FILE")
        .env_remove("PYO3_BUILD_EXTENSION_MODULE");
    // maturin's zig is another linker to cargo than cargo-zigbuild's: in one folder, each would compile
    // all dependencies anew after the other.
    build.hide(&build.machine.within("wheel"), tool)
}

fn only_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let files: Vec<_> = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<_, _>>)
        .with_context(|| format!("failed to read `{}`", folder.display()))?;
    match files.as_slice() {
        [file] => Ok(file.path()),
        files => bail!("maturin wrote {} files instead of one", files.len()),
    }
}

/// The wheel with a bill of materials that does not tell where it was built. Everything else is
/// copied as it is, compressed bytes and order included.
fn portable(wheel: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut old = ZipArchive::new(Cursor::new(wheel))?;
    let mut new = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut changed = Vec::new();
    for index in 0..old.len() {
        let mut entry = old.by_index(index)?;
        let path = entry.name()?.into_owned();
        let is_record = path.ends_with(".dist-info/RECORD");
        if !is_record && !path.contains(".dist-info/sboms/") {
            new.raw_copy_file(entry)?;
            continue;
        }
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        let text = if is_record {
            // The list of all files is the last one.
            record(&text, &changed)
        } else {
            let bill = sbom::portable(&text).with_context(|| format!("in `{path}`"))?;
            changed.push((path.clone(), bill.clone()));
            bill
        };
        let options = SimpleFileOptions::default()
            .compression_method(entry.compression())
            .last_modified_time(entry.last_modified().unwrap_or_default())
            .unix_permissions(entry.unix_mode().unwrap_or(0o644))
            .system(zip::System::Unix);
        new.start_file(path, options)?;
        new.write_all(text.as_bytes())?;
    }
    Ok(new.finish()?.into_inner())
}

/// A RECORD with new hashes and sizes of the files that changed.
fn record(text: &str, changed: &[(String, String)]) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let path = line.split(',').next().unwrap_or_default();
        match changed.iter().find(|(changed, _)| changed == path) {
            Some((path, text)) => {
                let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(text));
                // A String never refuses.
                let _ = write!(lines, "{path},sha256={hash},{}", text.len());
            }
            None => lines.push_str(line),
        }
        lines.push('\n');
    }
    lines
}

/// The native modules inside, by path.
pub(crate) fn native_modules(wheel: &[u8]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut archive = ZipArchive::new(Cursor::new(wheel))?;
    let mut modules = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let path = entry.name()?.into_owned();
        let extension = Path::new(&path).extension().and_then(|end| end.to_str());
        if matches!(extension, Some("so" | "pyd")) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            modules.push((path, bytes));
        }
    }
    if modules.is_empty() {
        bail!("there is no native module in the wheel");
    }
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::archive::{Files, Mode};

    const BILL: &str = "x.dist-info/sboms/x.cyclonedx.json";
    const RECORD: &str = "x.dist-info/RECORD";

    fn wheel() -> Vec<u8> {
        let mut files = Files::default();
        let bill = r#"{"ref": "path+file:///home/me/crates/mesh-py#4.0.0"}"#;
        files.insert(BILL, Mode::Data, bill.into());
        files.insert("x/_mesh.abi3.so", Mode::Program, b"module".to_vec());
        let record = format!("{BILL},sha256=old,1\nx/_mesh.abi3.so,sha256=kept,6\n{RECORD},,\n");
        files.insert("x.dist-info/RECORD", Mode::Data, record.into());
        // maturin puts the record last, which the order of names does not.
        let sorted = files.zip(1_700_000_000).unwrap();
        let mut old = ZipArchive::new(Cursor::new(sorted)).unwrap();
        let mut new = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for path in [BILL, "x/_mesh.abi3.so", RECORD] {
            new.raw_copy_file(old.by_name(path).unwrap()).unwrap();
        }
        new.finish().unwrap().into_inner()
    }

    fn read(wheel: &[u8], path: &str) -> String {
        let mut text = String::new();
        let mut archive = ZipArchive::new(Cursor::new(wheel)).unwrap();
        let mut entry = archive.by_name(path).unwrap();
        entry.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_bill_forgets_the_machine_and_the_record_follows() {
        let wheel = portable(&wheel()).unwrap();
        let bill = read(&wheel, BILL);
        assert_eq!(bill, "{\n  \"ref\": \"pkg:cargo/mesh-py@4.0.0\"\n}\n");
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&bill));
        assert_eq!(
            read(&wheel, RECORD),
            format!(
                "{BILL},sha256={hash},{}\nx/_mesh.abi3.so,sha256=kept,6\n{RECORD},,\n",
                bill.len()
            )
        );
    }

    #[test]
    fn the_native_module_is_found() {
        let modules = native_modules(&wheel()).unwrap();
        assert_eq!(
            modules,
            [("x/_mesh.abi3.so".to_owned(), b"module".to_vec())]
        );
        let empty = Files::default().zip(1_700_000_000).unwrap();
        assert!(native_modules(&empty).is_err());
    }
}
