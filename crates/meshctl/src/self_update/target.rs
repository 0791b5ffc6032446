//! Which archive of a release is for this machine: the one that the installer will look for.

use std::env::consts::{ARCH, OS};

use super::platform;

/// The installer for this system.
pub const INSTALLER: &str = if cfg!(windows) {
    "mcp-mesh-installer.ps1"
} else {
    "mcp-mesh-installer.sh"
};

/// The oldest glibc that the releases run on: `min-glibc-version` in `dist-workspace.toml`.
const OLDEST_GLIBC: (u32, u32) = (2, 17);

/// The archive's name; nothing where there are no releases for.
#[must_use]
pub fn archive_name() -> Option<String> {
    let cpu = match ARCH {
        "x86_64" if platform::is_translated() => "aarch64",
        "x86_64" | "aarch64" => ARCH,
        _ => return None,
    };
    let (system, extension) = match OS {
        "linux" => (
            format!("unknown-linux-{}", libc(&platform::ldd())),
            "tar.gz",
        ),
        "macos" => ("apple-darwin".to_owned(), "tar.gz"),
        "windows" => ("pc-windows-msvc".to_owned(), "zip"),
        _ => return None,
    };
    Some(format!("mcp-mesh-{cpu}-{system}.{extension}"))
}

/// Which C library's builds run here, by what `ldd --version` says. The installer goes by the same, so
/// that the build may change with the system: a static one gives way once glibc is new enough.
fn libc(ldd: &str) -> &'static str {
    let version = ldd
        .lines()
        .next()
        .and_then(|line| line.rsplit(' ').next())
        .and_then(|version| {
            let mut numbers = version.split('.');
            let mut number = || numbers.next()?.parse::<u32>().ok();
            Some((number()?, number()?))
        });
    match version {
        Some(version) if version >= OLDEST_GLIBC && !ldd.contains("musl") => "gnu",
        _ => "musl",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_follows_the_system() {
        assert_eq!(
            libc("ldd (Debian GLIBC 2.36-9+deb12u10) 2.36\nCopyright"),
            "gnu"
        );
        assert_eq!(libc("ldd (GNU libc) 2.17"), "gnu");
        assert_eq!(libc("ldd (GNU libc) 2.12"), "musl");
        assert_eq!(libc("musl libc (x86_64)\nVersion 1.2.5"), "musl");
        assert_eq!(libc(""), "musl");
    }

    #[test]
    fn the_oldest_glibc_is_the_one_that_releases_promise() {
        let (major, minor) = OLDEST_GLIBC;
        let plan = include_str!("../../../../dist-workspace.toml");
        assert!(plan.contains(&format!("\"*\" = \"{major}.{minor}\"")));
    }
}
