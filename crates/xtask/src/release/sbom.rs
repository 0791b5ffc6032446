//! The software bill of materials of each binary, in `CycloneDX` 1.5, without a trace of the machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use super::Tool;
use super::build::Build;
use super::project::{APP, BINARIES};

/// Writes `BINARY-TARGET.cdx.json` for each binary into the output folder.
pub(crate) fn write(build: &Build) -> anyhow::Result<()> {
    let root = &build.project.root;
    // The generator leaves a file beside the manifest of each member, whether we want it or not.
    let litter = Litter(root.join("crates"));
    Tool::new("cargo-cyclonedx")
        .args(["cyclonedx", "--format", "json", "--spec-version", "1.5"])
        .args([
            "--describe",
            "binaries",
            "--quiet",
            "--target",
            build.machine.toolchain.triple,
        ])
        .arg("--manifest-path")
        .arg(root.join("crates").join(APP).join("Cargo.toml"))
        .env("SOURCE_DATE_EPOCH", build.epoch.to_string())
        .output()?;
    for binary in BINARIES {
        let file = root.join(format!("crates/{APP}/{binary}_bin.cdx.json"));
        let text = fs::read_to_string(&file)
            .with_context(|| format!("failed to read `{}`", file.display()))?;
        let bill = portable(&text).with_context(|| format!("in `{}`", file.display()))?;
        let out = build.out.join(build.target.sbom(binary));
        fs::write(&out, bill).with_context(|| format!("failed to write `{}`", out.display()))?;
    }
    litter.remove()
}

/// The bill with crates of the workspace named as packages instead of as folders.
pub(crate) fn portable(text: &str) -> anyhow::Result<String> {
    let mut bill: Value = serde_json::from_str(text)?;
    let mut names = Vec::new();
    each_string(&mut bill, &mut |text| {
        if let Some(package) = package_of_path(text) {
            *text = package;
        } else if text.starts_with("pkg:") {
            *text = without_path(text);
        }
        if text.contains("file://") {
            names.push(text.clone());
        }
    });
    anyhow::ensure!(
        names.is_empty(),
        "the bill of materials names files of this machine: {}",
        names.join(", ")
    );
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

/// `pkg:cargo/mesh-core@4.0.0` for `path+file:///anywhere/crates/mesh-core#4.0.0`, and for
/// `path+file:///anywhere/crates/mesh-py#_mesh@4.0.0` the name after the hash.
fn package_of_path(text: &str) -> Option<String> {
    let (path, version) = text.strip_prefix("path+file://")?.rsplit_once('#')?;
    match version.split_once('@') {
        Some((name, version)) => Some(format!("pkg:cargo/{name}@{version}")),
        None => Some(format!("pkg:cargo/{}@{version}", path.rsplit('/').next()?)),
    }
}

/// A package's URL without the qualifier that says in which folder it lay.
fn without_path(purl: &str) -> String {
    match purl.split_once("?download_url=file://") {
        Some((package, rest)) => match rest.split_once('#') {
            Some((_, inside)) => format!("{package}#{inside}"),
            None => package.to_owned(),
        },
        None => purl.to_owned(),
    }
}

fn each_string(value: &mut Value, change: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| each_string(value, change)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| each_string(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What the generator leaves in the tree; goes when this goes, so after a failure too.
struct Litter(PathBuf);

impl Litter {
    fn remove(&self) -> anyhow::Result<()> {
        let unreadable = || format!("failed to read `{}`", self.0.display());
        for member in fs::read_dir(&self.0).with_context(unreadable)? {
            remove_bills(&member.with_context(unreadable)?.path())?;
        }
        Ok(())
    }
}

impl Drop for Litter {
    fn drop(&mut self) {
        // On the way out of a failure; that failure is what is told.
        let _ = self.remove();
    }
}

fn remove_bills(member: &Path) -> anyhow::Result<()> {
    let Ok(files) = fs::read_dir(member) else {
        return Ok(()); // A file among the members' folders.
    };
    for file in files.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if ["_bin.cdx.json", "_cdylib.cdx.json"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            fs::remove_file(file.path())
                .with_context(|| format!("failed to remove `{}`", file.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BILL: &str = r#"{
      "component": {
        "bom-ref": "path+file:///home/me/src/crates/mcp-mesh#4.0.0",
        "purl": "pkg:cargo/mcp-mesh@4.0.0?download_url=file://.#src/bin/meshctl.rs"
      },
      "components": [
        {"purl": "pkg:cargo/mesh-core@4.0.0?download_url=file://../mesh-core"},
        {"purl": "pkg:cargo/serde@1.0.0"}
      ],
      "dependencies": [{"ref": "path+file:///C:/src/crates/mesh-py#_mesh@4.0.0"}]
    }"#;

    #[test]
    fn crates_of_the_workspace_are_named_without_their_folders() {
        let bill: Value = serde_json::from_str(&portable(BILL).unwrap()).unwrap();
        assert_eq!(
            bill,
            serde_json::json!({
                "component": {
                    "bom-ref": "pkg:cargo/mcp-mesh@4.0.0",
                    "purl": "pkg:cargo/mcp-mesh@4.0.0#src/bin/meshctl.rs",
                },
                "components": [
                    {"purl": "pkg:cargo/mesh-core@4.0.0"},
                    {"purl": "pkg:cargo/serde@1.0.0"},
                ],
                "dependencies": [{"ref": "pkg:cargo/_mesh@4.0.0"}],
            })
        );
    }

    #[test]
    fn a_folder_that_would_stay_inside_is_refused() {
        let error = portable(r#"["vcs+file:///home/me/src"]"#).unwrap_err();
        assert!(
            error.to_string().contains("vcs+file:///home/me/src"),
            "{error}"
        );
    }

    #[test]
    fn the_tree_is_left_as_it_was() {
        let tree = tempfile::tempdir().unwrap();
        let member = tree.path().join("mesh-py");
        fs::create_dir(&member).unwrap();
        for name in ["_mesh_cdylib.cdx.json", "x_bin.cdx.json", "kept.cdx.json"] {
            fs::write(member.join(name), "{}").unwrap();
        }
        fs::write(tree.path().join("a-file"), "").unwrap();
        Litter(tree.path().to_owned()).remove().unwrap();
        let left: Vec<_> = fs::read_dir(&member)
            .unwrap()
            .flatten()
            .map(|f| f.file_name())
            .collect();
        assert_eq!(left, ["kept.cdx.json"]);
    }
}
