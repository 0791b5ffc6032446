//! What a release is built for, and how its assets are called.

use std::fmt;
use std::str::FromStr;

use super::ReleaseVersion;
use super::project::APP;

/// A target triple that releases are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    triple: &'static str,
    pub(crate) os: Os,
    pub(crate) cpu: Cpu,
    /// Linux comes in two kinds; the others have none.
    pub(crate) libc: Option<Libc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::enum_variant_names,
    reason = "that system is called so, here and everywhere"
)]
pub(crate) enum Os {
    Linux,
    MacOs,
    Windows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cpu {
    Amd64,
    Arm64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Libc {
    /// Linked against glibc 2.17 or newer.
    Gnu,
    /// Static.
    Musl,
}

/// Why a triple is refused.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no target of a release; choose one of {list}", list = Target::list())]
pub(crate) struct UnknownTarget(String);

impl Target {
    /// Every target, in the order of `dist-workspace.toml`.
    pub(crate) const ALL: [Self; 8] = [
        Self::new("aarch64-apple-darwin", Os::MacOs, Cpu::Arm64, None),
        Self::new("x86_64-apple-darwin", Os::MacOs, Cpu::Amd64, None),
        Self::new(
            "aarch64-unknown-linux-gnu",
            Os::Linux,
            Cpu::Arm64,
            Some(Libc::Gnu),
        ),
        Self::new(
            "x86_64-unknown-linux-gnu",
            Os::Linux,
            Cpu::Amd64,
            Some(Libc::Gnu),
        ),
        Self::new(
            "aarch64-unknown-linux-musl",
            Os::Linux,
            Cpu::Arm64,
            Some(Libc::Musl),
        ),
        Self::new(
            "x86_64-unknown-linux-musl",
            Os::Linux,
            Cpu::Amd64,
            Some(Libc::Musl),
        ),
        Self::new("aarch64-pc-windows-msvc", Os::Windows, Cpu::Arm64, None),
        Self::new("x86_64-pc-windows-msvc", Os::Windows, Cpu::Amd64, None),
    ];

    const fn new(triple: &'static str, os: Os, cpu: Cpu, libc: Option<Libc>) -> Self {
        Self {
            triple,
            os,
            cpu,
            libc,
        }
    }

    /// `x86_64-unknown-linux-gnu`.
    pub(crate) fn triple(self) -> &'static str {
        self.triple
    }

    /// A binary's file name here.
    pub(crate) fn executable(self, binary: &str) -> String {
        match self.os {
            Os::Windows => format!("{binary}.exe"),
            Os::Linux | Os::MacOs => binary.to_owned(),
        }
    }

    /// The archive that cargo-dist's installers fetch, without its extension.
    pub(crate) fn archive_stem(self) -> String {
        format!("{APP}-{}", self.triple)
    }

    /// The archive that cargo-dist's installers fetch.
    pub(crate) fn archive(self) -> String {
        format!("{}.{}", self.archive_stem(), self.archive_extension())
    }

    pub(crate) fn archive_extension(self) -> &'static str {
        match self.os {
            Os::Windows => "zip",
            Os::Linux | Os::MacOs => "tar.gz",
        }
    }

    /// `linux_amd64`: the folder inside the plain archives, and their names' end. Nothing for the
    /// static Linux builds, which have no plain archive.
    pub(crate) fn platform(self) -> Option<String> {
        (self.libc != Some(Libc::Musl)).then(|| format!("{}_{}", self.os, self.cpu))
    }

    /// The plain archive's names, which scripts have typed for years: one with the version, one with
    /// `latest`.
    pub(crate) fn plain_archives(self, version: &ReleaseVersion) -> Vec<String> {
        let extension = self.archive_extension();
        self.platform()
            .into_iter()
            .flat_map(|platform| {
                [version.to_string(), "latest".to_owned()]
                    .map(|version| format!("{APP}_{version}_{platform}.{extension}"))
            })
            .collect()
    }

    /// The Debian package's name; only for glibc.
    pub(crate) fn deb(self, version: &ReleaseVersion) -> String {
        format!("{APP}_{version}_{}.deb", self.cpu)
    }

    /// The RPM package's name; only for glibc.
    pub(crate) fn rpm(self, version: &ReleaseVersion) -> String {
        let cpu = match self.cpu {
            Cpu::Amd64 => "x86_64",
            Cpu::Arm64 => "aarch64",
        };
        format!("{APP}-{version}-1.{cpu}.rpm")
    }

    /// The bill of materials of a binary.
    pub(crate) fn sbom(self, binary: &str) -> String {
        format!("{binary}-{}.cdx.json", self.triple)
    }

    /// The target that this program itself was built for, if releases know it.
    pub(crate) fn host() -> Option<Self> {
        Self::ALL.into_iter().find(|target| {
            target.cpu.to_string() == host_name(std::env::consts::ARCH)
                && target.os.to_string() == host_name(std::env::consts::OS)
                && target.libc != Some(Libc::Musl)
        })
    }

    fn list() -> String {
        Self::ALL
            .map(|target| format!("`{}`", target.triple))
            .join(", ")
    }
}

/// The standard library's name of a system or CPU as our assets spell it.
fn host_name(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "macos" => "darwin",
        other => other,
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple)
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linux => "linux",
            Self::MacOs => "darwin",
            Self::Windows => "windows",
        })
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|target| target.triple == text)
            .ok_or_else(|| UnknownTarget(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(triple: &str) -> Target {
        triple.parse().unwrap()
    }

    #[test]
    fn assets_are_named_for_installers_and_for_people() {
        let version = "4.0.0".parse().unwrap();
        let mac = target("aarch64-apple-darwin");
        assert_eq!(mac.archive(), "mcp-mesh-aarch64-apple-darwin.tar.gz");
        assert_eq!(
            mac.plain_archives(&version),
            [
                "mcp-mesh_4.0.0_darwin_arm64.tar.gz",
                "mcp-mesh_latest_darwin_arm64.tar.gz"
            ]
        );
        let windows = target("x86_64-pc-windows-msvc");
        assert_eq!(windows.executable("meshctl"), "meshctl.exe");
        assert_eq!(
            windows.plain_archives(&version)[1],
            "mcp-mesh_latest_windows_amd64.zip"
        );
        let musl = target("x86_64-unknown-linux-musl");
        assert!(musl.plain_archives(&version).is_empty());
    }

    #[test]
    fn the_targets_are_those_that_dist_plans() {
        let text =
            std::fs::read_to_string(crate::root::checkout().join("dist-workspace.toml")).unwrap();
        let workspace: toml::Table = text.parse().unwrap();
        let planned: Vec<_> = workspace["dist"]["targets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|triple| triple.as_str().unwrap())
            .collect();
        assert_eq!(planned, Target::ALL.map(Target::triple));
    }

    #[test]
    fn an_unknown_triple_is_answered_with_the_known_ones() {
        let error = "riscv64gc-unknown-linux-gnu".parse::<Target>().unwrap_err();
        assert!(
            error.to_string().contains("`x86_64-unknown-linux-gnu`"),
            "{error}"
        );
    }
}
