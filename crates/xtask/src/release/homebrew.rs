//! The Homebrew formula: the template in `packaging/homebrew`, filled in with a release's archives.

use minijinja::{Value, context};

use super::{Checksums, Project, ReleaseVersion, Target, template};

const TEMPLATE: &str = "packaging/homebrew/mcp-mesh.rb";

/// Renders the formula of `version`, for macOS and Linux on both CPUs.
pub(crate) fn render(
    project: &Project,
    version: &ReleaseVersion,
    checksums: &Checksums,
) -> anyhow::Result<String> {
    let download = |triple: &str| download(project, version, checksums, triple.parse()?);
    let values = context! {
        repository => &project.repository,
        version => version.to_string(),
        license => &project.license,
        archives => context! {
            macos_arm => download("aarch64-apple-darwin")?,
            macos_intel => download("x86_64-apple-darwin")?,
            linux_arm => download("aarch64-unknown-linux-gnu")?,
            linux_intel => download("x86_64-unknown-linux-gnu")?,
        },
    };
    template::render(project, TEMPLATE, values)
}

/// Where a package manager fetches the archive of `target`, and what it must hash to.
pub(super) fn download(
    project: &Project,
    version: &ReleaseVersion,
    checksums: &Checksums,
    target: Target,
) -> anyhow::Result<Value> {
    let archive = target.archive();
    Ok(context! {
        sha256 => checksums.require(&archive)?,
        url => project.asset_url(version, &archive),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    pub(super) fn project() -> Project {
        let mut project = Project::load(root::checkout()).unwrap();
        project.repository = "https://git.example/acme/mesh".to_owned();
        project
    }

    #[test]
    fn the_formula_reads_as_one() {
        let checksums = Target::ALL
            .into_iter()
            .zip(1..)
            .map(|(target, digit)| (target.archive(), digit.to_string().repeat(64)))
            .collect();
        let formula = render(&project(), &"4.0.0".parse().unwrap(), &checksums).unwrap();
        insta::assert_snapshot!(formula);
    }

    #[test]
    fn an_archive_without_a_checksum_is_named() {
        let error = render(&project(), &"4.0.0".parse().unwrap(), &Checksums::default());
        assert_eq!(
            error.unwrap_err().to_string(),
            "no checksum is known of `mcp-mesh-aarch64-apple-darwin.tar.gz`"
        );
    }
}

/// The formula in the hands of `packaging/homebrew/evaluate.rb`.
#[cfg(test)]
#[cfg(unix)]
mod evaluated {
    use std::fs;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;

    use super::tests::project;
    use super::*;
    use crate::release::Tool;
    use crate::root;

    /// A release whose archives hold scripts in place of the programs.
    struct Release {
        folder: TempDir,
        formula: String,
    }

    impl Release {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let assets = folder.path().join("assets");
            fs::create_dir(&assets).unwrap();
            for target in Target::ALL {
                pack(target, folder.path(), &assets.join(target.archive()));
            }
            let checksums = Checksums::of_folder(&assets).unwrap();
            let formula = render(&project(), &"4.0.0".parse().unwrap(), &checksums).unwrap();
            Self { folder, formula }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// What the harness says of `formula`, installed below a prefix of its own.
        fn evaluate(&self, formula: &str, [system, cpu]: [&str; 2]) -> anyhow::Result<String> {
            fs::write(self.path("mcp-mesh.rb"), formula).unwrap();
            Tool::new("ruby")
                .arg(root::checkout().join("packaging/homebrew/evaluate.rb"))
                .arg(self.path("mcp-mesh.rb"))
                .args([system, cpu])
                .arg(self.path(&format!("{system}-{cpu}")))
                .arg(self.path("assets"))
                .output()
        }

        /// The one line of a refusal.
        fn refusal(&self, formula: &str) -> String {
            let error = self.evaluate(formula, HOST).unwrap_err().to_string();
            error.lines().last().unwrap_or_default().to_owned()
        }
    }

    /// The platform that tests run on, in Homebrew's words.
    const HOST: [&str; 2] = [
        if cfg!(target_os = "macos") {
            "mac"
        } else {
            "linux"
        },
        if cfg!(target_arch = "aarch64") {
            "arm"
        } else {
            "intel"
        },
    ];

    /// An archive of `target`, laid out as `release build` does.
    fn pack(target: Target, scratch: &Path, archive: &Path) {
        let folder = scratch.join(target.archive_stem());
        for name in ["completions", "man"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        for (name, script) in [("meshctl", MESHCTL), ("mcp-mesh-registry", REGISTRY)] {
            fs::write(folder.join(name), script).unwrap();
            for file in [
                format!("completions/{name}.bash"),
                format!("completions/_{name}"),
                format!("completions/{name}.fish"),
                format!("man/{name}.1"),
            ] {
                fs::write(folder.join(file), target.triple()).unwrap();
            }
        }
        Tool::new("chmod")
            .args(["+x", "meshctl", "mcp-mesh-registry"])
            .current_dir(&folder)
            .output()
            .unwrap();
        Tool::new("tar")
            .arg("-czf")
            .arg(archive)
            .arg(target.archive_stem())
            .current_dir(scratch)
            .output()
            .unwrap();
    }

    const MESHCTL: &str = "#!/bin/sh\necho meshctl version 4.0.0\n";

    /// Answers every request that it is healthy, and keeps its database where it is told to.
    const REGISTRY: &str = r#"#!/usr/bin/env ruby
require "fileutils"
require "socket"
if ARGV == ["--version"]
  puts "mcp-mesh-registry version 4.0.0"
  exit
end
FileUtils.mkdir_p(File.dirname(ENV.fetch("DATABASE_URL")))
FileUtils.touch(ENV.fetch("DATABASE_URL"))
trap("TERM") { exit }
server = TCPServer.new("127.0.0.1", ARGV.include?("--port") ? ARGV.last : ENV.fetch("PORT"))
loop do
  client = server.accept
  nil until [nil, "\r\n"].include?(client.gets)
  client.write("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhealthy")
  client.close
end
"#;

    #[test]
    fn the_formula_installs_here_and_is_sound_elsewhere() {
        let release = Release::new();
        for platform in [
            ["linux", "intel"],
            ["linux", "arm"],
            ["mac", "intel"],
            ["mac", "arm"],
        ] {
            let report = release.evaluate(&release.formula, platform).unwrap();
            assert!(report.contains("sha256 matches"), "{report}");
            let uninstalled = report.ends_with("tested, run as a service, uninstalled");
            assert_eq!(uninstalled, platform == HOST, "{report}");
        }
        // Uninstalling leaves what the service wrote, and nothing else.
        let prefix = release.path(&HOST.join("-"));
        assert!(prefix.join("var/mcp-mesh/registry.db").is_file());
        assert!(!prefix.join("bin/meshctl").exists());
    }

    #[test]
    fn a_formula_that_would_not_install_is_refused() {
        let release = Release::new();
        let formula = &release.formula;
        for (wrong, complaint) in [
            (
                formula.replace("      url ", "      # url "),
                "no `url` for",
            ),
            (
                formula.replace("      sha256 ", "      # sha256 "),
                "no `sha256` for",
            ),
            (
                formula.replace("  service do", "  def unused"),
                "no `service` for",
            ),
            (formula.replace("sha256 \"", "sha256 \"0"), "is no sha256"),
            (
                formula.replace(".bash\"", ".zsh\""),
                "the archive has no `completions/meshctl.zsh`",
            ),
            (
                formula.replace("man/*.1", "man/*.8"),
                "nothing matches what goes to",
            ),
            (
                formula.replace("version \"4.0.0\"", "version \"4.0.1\""),
                "no `4.0.1` in",
            ),
            (
                formula.replace("class McpMesh", "class Mesh"),
                "must define `McpMesh`",
            ),
            (formula.replace("on_linux do", "on_bsd do"), "on_bsd"),
        ] {
            let refusal = release.refusal(&wrong);
            assert!(
                refusal.contains(complaint),
                "expected {complaint}: {refusal}"
            );
        }
    }

    #[test]
    fn another_archive_than_the_formula_means_is_refused() {
        let release = Release::new();
        for target in Target::ALL {
            fs::write(release.path("assets").join(target.archive()), "another").unwrap();
        }
        let refusal = release.refusal(&release.formula);
        assert!(refusal.contains("the formula says"), "{refusal}");
    }
}
