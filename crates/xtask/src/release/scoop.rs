//! The Scoop manifest: the template in `packaging/scoop`, filled in with a release's archives.

use anyhow::Context;
use minijinja::context;
use serde_json::Value;

use super::homebrew::download;
use super::{Checksums, Project, ReleaseVersion, Target, template};

const TEMPLATE: &str = "packaging/scoop/mcp-mesh.json";

/// Renders the manifest of `version`, for both CPUs that Windows runs on.
pub(crate) fn render(
    project: &Project,
    version: &ReleaseVersion,
    checksums: &Checksums,
) -> anyhow::Result<String> {
    let amd64: Target = "x86_64-pc-windows-msvc".parse()?;
    let arm64: Target = "aarch64-pc-windows-msvc".parse()?;
    // Scoop puts the version in when it looks for a newer one.
    let next = |target: Target| {
        format!(
            "{}/releases/download/v$version/{}",
            project.repository,
            target.archive()
        )
    };
    let values = context! {
        repository => &project.repository,
        version => version.to_string(),
        license => &project.license,
        archives => context! {
            amd64 => download(project, version, checksums, amd64)?,
            arm64 => download(project, version, checksums, arm64)?,
        },
        next => context! { amd64 => next(amd64), arm64 => next(arm64) },
    };
    let manifest = template::render(project, TEMPLATE, values)?;
    serde_json::from_str::<Value>(&manifest)
        .with_context(|| format!("`{TEMPLATE}` makes no JSON:\n{manifest}"))?;
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::release::Tool;
    use crate::release::project::BINARIES;
    use crate::root;

    fn manifest() -> Value {
        let checksums = Target::ALL
            .into_iter()
            .zip(1..)
            .map(|(target, digit)| (target.archive(), digit.to_string().repeat(64)))
            .collect();
        let project = Project::load(root::checkout()).unwrap();
        let text = render(&project, &"4.0.0".parse().unwrap(), &checksums).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Holds manifests against Scoop's schema, and gives the verdict on all of them.
    fn validate(manifests: &[(&str, Value)]) -> anyhow::Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let mut tool = Tool::new("check-jsonschema")
            .arg("--schemafile")
            .arg(root::checkout().join("packaging/scoop/schema.json"));
        for (name, manifest) in manifests {
            let file = folder.path().join(format!("{name}.json"));
            fs::write(&file, manifest.to_string()).unwrap();
            tool = tool.arg(file);
        }
        tool.output()
    }

    #[test]
    fn the_manifest_is_one_that_scoop_takes() {
        let manifest = manifest();
        validate(&[("mcp-mesh", manifest.clone())]).unwrap();

        let windows: Vec<_> = Target::ALL
            .into_iter()
            .filter(|target| target.os == crate::release::target::Os::Windows)
            .collect();
        let architectures = manifest["architecture"].as_object().unwrap();
        assert_eq!(architectures.len(), windows.len());
        for download in architectures.values() {
            let url = download["url"].as_str().unwrap();
            let target = windows
                .iter()
                .find(|target| url.ends_with(&target.archive()));
            let position = Target::ALL
                .iter()
                .position(|known| Some(known) == target)
                .unwrap();
            assert_eq!(
                download["hash"],
                (position + 1).to_string().repeat(64),
                "{url}"
            );
        }
        assert_eq!(
            manifest["bin"],
            serde_json::json!(BINARIES.map(|binary| windows[0].executable(binary)))
        );
    }

    #[test]
    fn scoop_can_find_the_next_version_by_itself() {
        let manifest = manifest();
        for (cpu, download) in manifest["architecture"].as_object().unwrap() {
            let next = manifest["autoupdate"]["architecture"][cpu]["url"]
                .as_str()
                .unwrap();
            assert_eq!(next.replace("$version", "4.0.0"), download["url"], "{cpu}");
        }
        assert_eq!(manifest["autoupdate"]["hash"]["url"], "$url.sha256");
    }

    #[test]
    fn a_broken_manifest_is_refused() {
        let without = |place: &str, key: &str| {
            let mut manifest = manifest();
            let object = manifest.pointer_mut(place).unwrap().as_object_mut();
            object.unwrap().remove(key).unwrap();
            manifest
        };
        let with = |place: &str, key: &str, value: Value| {
            let mut manifest = manifest();
            manifest.pointer_mut(place).unwrap()[key] = value;
            manifest
        };
        let broken = [
            ("no-url", without("", "architecture")),
            ("no-licence", without("", "license")),
            ("no-next-url", without("/autoupdate", "architecture")),
            ("bad-hash", with("/architecture/64bit", "hash", "".into())),
            ("bad-bin", with("", "bin", true.into())),
            ("unknown-property", with("", "checksum", "".into())),
            ("unknown-cpu", with("/architecture", "riscv", Value::Null)),
            ("unknown-site", with("/checkver", "gitlab", "x".into())),
        ];
        let verdict = validate(&broken).unwrap_err().to_string();
        for (name, _) in &broken {
            assert!(
                verdict.contains(&format!("{name}.json::$")),
                "`{name}` passes: {verdict}"
            );
        }
        assert!(
            verdict.contains("'url' is a required property"),
            "{verdict}"
        );
    }
}
