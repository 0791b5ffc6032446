//! The .deb and the .rpm: the commands, their pages, and a systemd unit for the registry.

use std::fs;
use std::path::Path;

use anyhow::Context;
use flate2::{Compression, GzBuilder};
use minijinja::{Value, context};

use super::Tool;
use super::archive::{Files, Mode};
use super::build::Build;
use super::elf::GlibcVersion;
use super::pages::Pages;
use super::project::APP;
use super::template;

/// Which packages hold a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packager {
    Deb,
    Rpm,
}

impl Packager {
    fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        }
    }
}

/// A file of the packages, as the template wants it.
#[derive(Debug)]
struct Packaged {
    /// Where it will be installed.
    path: String,
    /// In octal.
    mode: String,
    /// Whether an administrator may change it.
    config: bool,
    /// The one package that holds it, unless both do.
    packager: Option<Packager>,
}

/// Writes both packages into the output folder.
pub(crate) fn write(build: &Build, binaries: &Files, pages: &Pages) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("failed to create a folder for the packages")?;
    let root = folder.path().join("root");
    let sources = build.project.root.join("packaging/linux");
    let files = installed(build, binaries, pages, &sources)?;
    files.write_into(&root)?;
    let version = &build.project.version;
    let listed: Vec<_> = files
        .iter()
        .map(|(path, mode, _)| Packaged::new(path, mode).value())
        .collect();
    let configuration = template::render(
        &build.project,
        "packaging/linux/nfpm.yaml",
        context! {
            app => APP,
            cpu => build.target.cpu.to_string(),
            version => version.to_string(),
            owner => build.project.owner.as_str(),
            description => build.project.description.as_str(),
            repository => build.project.repository.as_str(),
            license => build.project.license.as_str(),
            mtime => rfc3339(build.epoch)?,
            glibc => GlibcVersion::FLOOR.to_string(),
            root => root.display().to_string(),
            scripts => sources.display().to_string(),
            files => listed,
        },
    )?;
    let path = folder.path().join("nfpm.yaml");
    fs::write(&path, configuration)
        .with_context(|| format!("failed to write `{}`", path.display()))?;
    for (packager, package) in [
        (Packager::Deb, build.target.deb(version)),
        (Packager::Rpm, build.target.rpm(version)),
    ] {
        Tool::new("nfpm")
            .args(["package", "--packager", packager.name(), "--config"])
            .arg(&path)
            .arg("--target")
            .arg(build.out.join(package))
            .env("SOURCE_DATE_EPOCH", build.epoch.to_string())
            .output()?;
    }
    Ok(())
}

/// Everything that is installed, by path without the leading slash.
fn installed(
    build: &Build,
    binaries: &Files,
    pages: &Pages,
    sources: &Path,
) -> anyhow::Result<Files> {
    let mut files = binaries.clone().under("usr/bin");
    for (name, mode, page) in pages.man.iter() {
        files.insert(format!("usr/share/man/man1/{name}.gz"), mode, gzip(page)?);
    }
    for (name, mode, script) in pages.completions.iter() {
        for path in completion_paths(name) {
            files.insert(path, mode, script.to_owned());
        }
    }
    let root = &build.project.root;
    for (path, source) in [
        (
            "usr/share/doc/mcp-mesh/CHANGELOG.md",
            root.join("CHANGELOG.md"),
        ),
        ("usr/share/doc/mcp-mesh/copyright", root.join("LICENSE")),
        ("usr/share/licenses/mcp-mesh/LICENSE", root.join("LICENSE")),
        (
            "etc/default/mcp-mesh-registry",
            sources.join("mcp-mesh-registry.default"),
        ),
    ] {
        files.read(path, Mode::Data, &source)?;
    }
    let unit = template::render(
        &build.project,
        "packaging/linux/mcp-mesh-registry.service",
        context! { repository => build.project.repository.as_str() },
    )?;
    files.insert(
        "usr/lib/systemd/system/mcp-mesh-registry.service",
        Mode::Data,
        unit.into_bytes(),
    );
    Ok(files)
}

/// Where shells look for a completion script; zsh looks elsewhere on Debian.
fn completion_paths(script: &str) -> Vec<String> {
    if let Some(command) = script.strip_suffix(".bash") {
        vec![format!("usr/share/bash-completion/completions/{command}")]
    } else if script.strip_suffix(".fish").is_some() {
        vec![format!("usr/share/fish/vendor_completions.d/{script}")]
    } else if script.starts_with('_') {
        vec![
            format!("usr/share/zsh/vendor-completions/{script}"),
            format!("usr/share/zsh/site-functions/{script}"),
        ]
    } else {
        Vec::new() // PowerShell has no folder for them.
    }
}

impl Packaged {
    fn new(path: &str, mode: Mode) -> Self {
        let packager = [
            ("usr/share/zsh/vendor-completions/", Packager::Deb),
            ("usr/share/zsh/site-functions/", Packager::Rpm),
            ("usr/share/doc/mcp-mesh/copyright", Packager::Deb),
            ("usr/share/licenses/", Packager::Rpm),
        ]
        .into_iter()
        .find(|(start, _)| path.starts_with(start))
        .map(|(_, packager)| packager);
        Self {
            path: format!("/{path}"),
            mode: format!("{:o}", mode.bits()),
            config: path.starts_with("etc/"),
            packager,
        }
    }

    fn value(self) -> Value {
        let packager = self.packager.map(Packager::name);
        context! { path => self.path, mode => self.mode, config => self.config, packager => packager }
    }
}

/// Without a name or a time inside.
fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .read(bytes, Compression::best());
    let mut packed = Vec::new();
    std::io::Read::read_to_end(&mut encoder, &mut packed)?;
    Ok(packed)
}

fn rfc3339(epoch: u64) -> anyhow::Result<String> {
    Ok(jiff::Timestamp::from_second(i64::try_from(epoch)?)?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_for_both_packages_unless_their_systems_differ() {
        let packager = |path| Packaged::new(path, Mode::Data).packager;
        assert_eq!(packager("usr/bin/meshctl"), None);
        assert_eq!(
            packager("usr/share/zsh/vendor-completions/_meshctl"),
            Some(Packager::Deb)
        );
        assert_eq!(
            packager("usr/share/zsh/site-functions/_meshctl"),
            Some(Packager::Rpm)
        );
        assert_eq!(packager("usr/share/doc/mcp-mesh/CHANGELOG.md"), None);
    }

    #[test]
    fn only_settings_survive_an_administrator() {
        assert!(Packaged::new("etc/default/mcp-mesh-registry", Mode::Data).config);
        let program = Packaged::new("usr/bin/meshctl", Mode::Program);
        assert!(!program.config);
        assert_eq!(
            (program.path.as_str(), program.mode.as_str()),
            ("/usr/bin/meshctl", "755")
        );
    }

    #[test]
    fn each_completion_goes_where_its_shell_looks() {
        assert_eq!(
            completion_paths("meshctl.bash"),
            ["usr/share/bash-completion/completions/meshctl"]
        );
        assert_eq!(
            completion_paths("meshctl.fish"),
            ["usr/share/fish/vendor_completions.d/meshctl.fish"]
        );
        assert_eq!(completion_paths("_meshctl").len(), 2);
        assert!(completion_paths("meshctl.ps1").is_empty());
    }

    #[test]
    fn the_unit_is_closed_up_and_keeps_to_this_machine() {
        let unit = fs::read_to_string(
            crate::root::checkout().join("packaging/linux/mcp-mesh-registry.service"),
        )
        .unwrap();
        for line in [
            "CapabilityBoundingSet=",
            "DynamicUser=yes",
            "NoNewPrivileges=yes",
            "PrivateTmp=yes",
            "ProtectSystem=strict",
            "StateDirectory=mcp-mesh",
            "EnvironmentFile=-/etc/default/mcp-mesh-registry",
        ] {
            assert!(
                unit.lines().any(|found| found == line),
                "no `{line}` in\n{unit}"
            );
        }
        assert!(unit.contains("HOST=localhost"), "{unit}");
    }

    #[test]
    fn a_page_packs_to_the_same_bytes() {
        assert_eq!(gzip(b"page").unwrap(), gzip(b"page").unwrap());
        assert_eq!(rfc3339(1_700_000_001).unwrap(), "2023-11-14T22:13:21Z");
    }
}
