//! What the images are called, and what they run on.

use std::fmt;
use std::str::FromStr;

use crate::release::Target;
use crate::release::target::{Cpu, Libc, Os};

/// An image that a release consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Image {
    /// The registry's binary, and nothing else.
    Registry,
    /// Python with the package, for people's own agents.
    PythonRuntime,
    /// Both commands and the Python package.
    Cli,
}

/// What an image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Platform(Cpu);

/// Why an image is refused.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no image of a release; choose one of {list}", list = Image::list())]
pub(crate) struct UnknownImage(String);

/// Why a platform is refused.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no platform of the images; choose one of {list}", list = Platform::list())]
pub(crate) struct UnknownPlatform(String);

impl Image {
    /// In the order in which they are built.
    pub(crate) const ALL: [Self; 3] = [Self::Registry, Self::PythonRuntime, Self::Cli];

    /// The last part of its name, and the stem of its Dockerfile's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::PythonRuntime => "python-runtime",
            Self::Cli => "cli",
        }
    }

    fn list() -> String {
        Self::ALL.map(|image| format!("`{image}`")).join(", ")
    }
}

impl Platform {
    pub(crate) const ALL: [Self; 2] = [Self(Cpu::Amd64), Self(Cpu::Arm64)];

    /// The CPU as image tools spell it: `amd64`.
    pub(crate) fn architecture(self) -> String {
        self.0.to_string()
    }

    pub(crate) fn cpu(self) -> Cpu {
        self.0
    }

    /// What this machine runs without emulation, if there are images for it.
    pub(crate) fn host() -> Option<Self> {
        let host = Target::host()?;
        Self::ALL
            .into_iter()
            .find(|platform| platform.0 == host.cpu)
    }

    /// The target whose binaries the images hold: static, so that they run on any base and on none.
    pub(crate) fn target(self) -> Target {
        self.linux(Libc::Musl)
    }

    /// The target whose wheel the images hold: their Python is Debian's, or built on it.
    pub(crate) fn wheel_target(self) -> Target {
        self.linux(Libc::Gnu)
    }

    fn linux(self, libc: Libc) -> Target {
        Target::ALL
            .into_iter()
            .find(|target| (target.os, target.cpu, target.libc) == (Os::Linux, self.0, Some(libc)))
            .unwrap_or_else(|| unreachable!("releases are built for every CPU of Linux, twice"))
    }

    fn list() -> String {
        Self::ALL.map(|platform| format!("`{platform}`")).join(", ")
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.0)
    }
}

impl FromStr for Image {
    type Err = UnknownImage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|image| image.name() == text)
            .ok_or_else(|| UnknownImage(text.to_owned()))
    }
}

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.to_string() == text)
            .ok_or_else(|| UnknownPlatform(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_as_people_pull_it() {
        assert_eq!(
            Image::ALL.map(Image::name),
            ["registry", "python-runtime", "cli"]
        );
        for image in Image::ALL {
            assert_eq!(image.to_string().parse::<Image>().unwrap(), image);
        }
        let error = "Registry".parse::<Image>().unwrap_err().to_string();
        assert!(error.contains("`Registry` is no image"), "{error}");
        assert!(error.contains("`python-runtime`"), "{error}");
    }

    #[test]
    fn a_platform_is_linux_on_a_cpu_that_has_a_static_build() {
        let targets: Vec<_> = Platform::ALL
            .map(|platform| platform.target().triple())
            .into();
        assert_eq!(
            targets,
            ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]
        );
        let platform: Platform = "linux/arm64".parse().unwrap();
        assert_eq!(platform.architecture(), "arm64");
        for text in ["arm64", "linux/arm/v7", "windows/amd64", "linux/amd64 "] {
            let error = text.parse::<Platform>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{text}` is no platform")),
                "{error}"
            );
            assert!(error.contains("`linux/amd64`"), "{error}");
        }
    }
}
