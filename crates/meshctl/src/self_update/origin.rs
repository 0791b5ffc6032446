//! Who installed this program, and so who replaces it.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::{fs, process};

use mesh_core::env::Environment;
use semver::Version;

use super::receipt::Receipt;
use super::{Program, UpdateError};

/// The repository that this build came from; a fork's is its own.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// Where images have their programs.
const IMAGE_FOLDERS: [&str; 4] = ["/usr", "/opt", "/app", "/bin"];

/// How this program got here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Our installer put it here: ours to replace.
    Installer,
    /// Homebrew, on macOS or Linux.
    Homebrew,
    /// Scoop.
    Scoop,
    /// The Python package, in this environment if it is one.
    Pip {
        /// The environment's folder.
        environment: Option<PathBuf>,
    },
    /// The Python package, through pipx.
    Pipx,
    /// The Python package, through uv.
    Uv,
    /// A package of Debian's kind.
    Deb,
    /// A package of Red Hat's kind.
    Rpm,
    /// `cargo install`.
    Cargo,
    /// An image.
    Container,
    /// Somebody unpacked an archive.
    Archive {
        /// The folder that it lies in.
        folder: PathBuf,
        /// The receipt of another installation, and its folder.
        other: Option<(PathBuf, PathBuf)>,
    },
}

/// What a path does not tell.
#[derive(Debug, Clone, Copy, Default)]
struct Surroundings {
    package: Option<Package>,
    container: bool,
}

/// A package manager of the system, whose database knows the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Package {
    Deb,
    Rpm,
}

impl Origin {
    /// Who installed `program`, and the receipt if it was us.
    pub(super) fn find(
        program: &Program,
        environment: &Environment,
    ) -> Result<(Self, Option<Receipt>), UpdateError> {
        let receipt = Receipt::find(environment, program);
        if let Ok(Some(receipt)) = &receipt
            && receipt.is_for(program)
        {
            return Ok((Self::Installer, Some(receipt.clone())));
        }
        let surroundings = Surroundings::of(program);
        if let Some(manager) = Self::manager(program, environment, surroundings) {
            return Ok((manager, None));
        }
        // Only now a receipt that cannot be read matters: it may have been this program's.
        let other = receipt?.map(|receipt| (receipt.path, receipt.prefix));
        let folder = program.folder().to_owned();
        Ok((Self::Archive { folder, other }, None))
    }

    /// The package manager that `program` belongs to.
    fn manager(
        program: &Program,
        environment: &Environment,
        surroundings: Surroundings,
    ) -> Option<Self> {
        let path = &program.path;
        if has(path, &["Cellar", "mcp-mesh"]) {
            return Some(Self::Homebrew);
        }
        if has(path, &["scoop", "apps", "mcp-mesh"]) {
            return Some(Self::Scoop);
        }
        if let Some(python) = Self::python(program) {
            return Some(python);
        }
        match surroundings.package {
            Some(Package::Deb) => return Some(Self::Deb),
            Some(Package::Rpm) => return Some(Self::Rpm),
            None => {}
        }
        let cargo_home = environment.get("CARGO_HOME").map(Path::new);
        if has(program.folder(), &[".cargo", "bin"])
            || cargo_home.is_some_and(|home| program.folder() == home.join("bin"))
        {
            return Some(Self::Cargo);
        }
        // In a container, too, somebody may have unpacked an archive into a home.
        let of_image = IMAGE_FOLDERS.iter().any(|folder| path.starts_with(folder));
        (surroundings.container && of_image).then_some(Self::Container)
    }

    /// Whether Python runs it, or it lies in one of Python's environments.
    fn python(program: &Program) -> Option<Self> {
        let name = program.path.file_name()?.to_str()?.to_ascii_lowercase();
        let interpreted = name.starts_with("python") || name.starts_with("pypy");
        // The interpreter may be shared by many environments; what was called lies in one of them.
        let called = program.called_as.as_deref().filter(|_| interpreted);
        let file = called.unwrap_or(&program.path);
        let environment = file
            .parent()
            .and_then(Path::parent)
            .filter(|folder| folder.join("pyvenv.cfg").is_file());
        if !interpreted && environment.is_none() {
            return None;
        }
        Some(if has(file, &["pipx", "venvs"]) {
            Self::Pipx
        } else if has(file, &["uv", "tools"]) {
            Self::Uv
        } else {
            Self::Pip {
                environment: environment.map(Path::to_owned),
            }
        })
    }

    /// One word for it, which `--check --json` prints.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Installer => "installer",
            Self::Homebrew => "homebrew",
            Self::Scoop => "scoop",
            Self::Pip { .. } => "pip",
            Self::Pipx => "pipx",
            Self::Uv => "uv",
            Self::Deb => "deb",
            Self::Rpm => "rpm",
            Self::Cargo => "cargo",
            Self::Container => "container",
            Self::Archive { .. } => "archive",
        }
    }

    /// The command that brings `version`; nothing where that is not a command for this machine.
    #[must_use]
    pub fn upgrade_command(&self, version: &Version) -> Option<String> {
        let download = format!("{REPOSITORY}/releases/download/v{version}");
        Some(match self {
            Self::Installer => "meshctl self update".to_owned(),
            Self::Homebrew => "brew upgrade mcp-mesh".to_owned(),
            Self::Scoop => "scoop update mcp-mesh".to_owned(),
            Self::Pip { .. } => "pip install --upgrade mcp-mesh".to_owned(),
            Self::Pipx => "pipx upgrade mcp-mesh".to_owned(),
            Self::Uv => "uv tool upgrade mcp-mesh".to_owned(),
            Self::Deb => {
                let file = format!("mcp-mesh_{version}_{}.deb", cpu("amd64", "arm64"));
                format!("curl -fLO {download}/{file} && sudo apt install ./{file}")
            }
            Self::Rpm => {
                let cpu = cpu("x86_64", "aarch64");
                format!("sudo rpm -U {download}/mcp-mesh-{version}-1.{cpu}.rpm")
            }
            Self::Cargo => {
                format!("cargo install --locked --git {REPOSITORY} --tag v{version} mcp-mesh")
            }
            Self::Container => return None,
            Self::Archive { folder, .. } => install_into(folder),
        })
    }

    /// What to do instead of updating here, while the newest version is not known.
    pub(super) fn advice(&self) -> String {
        let page = format!("{REPOSITORY}/releases/latest");
        let command = match self {
            Self::Deb => {
                let cpu = cpu("amd64", "arm64");
                return format!(
                    "download the `.deb` from `{page}` and run `sudo apt install ./mcp-mesh_*_{cpu}.deb`"
                );
            }
            Self::Rpm => {
                let cpu = cpu("x86_64", "aarch64");
                return format!(
                    "download the `.rpm` from `{page}` and run `sudo rpm -U mcp-mesh-*.{cpu}.rpm`"
                );
            }
            Self::Container => {
                return "pull the newer image and start the container again".to_owned();
            }
            Self::Cargo => format!("cargo install --locked --git {REPOSITORY} mcp-mesh"),
            Self::Pip {
                environment: Some(environment),
            } => {
                return format!(
                    "run `pip install --upgrade mcp-mesh` in the environment `{}`",
                    environment.display()
                );
            }
            // Their commands do not name the version.
            _ => self
                .upgrade_command(&Version::new(0, 0, 0))
                .unwrap_or_default(),
        };
        format!("upgrade it with `{command}`")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Installer => "by the installer",
            Self::Homebrew => "with Homebrew",
            Self::Scoop => "with Scoop",
            Self::Pip { .. } => "as a Python package",
            Self::Pipx => "as a Python package with pipx",
            Self::Uv => "as a Python package with uv",
            Self::Deb => "as a Debian package",
            Self::Rpm => "as an RPM package",
            Self::Cargo => "with `cargo install`",
            Self::Container => "as part of an image",
            Self::Archive { .. } => "from an archive, without the installer",
        })
    }
}

/// The command that lets our installer put the newest release into `folder`.
pub(super) fn install_into(folder: &Path) -> String {
    let page = format!("{REPOSITORY}/releases/latest/download");
    if cfg!(windows) {
        let folder = folder.display().to_string().replace('\'', "''");
        return format!(
            "powershell -ExecutionPolicy ByPass -c \"$env:MCP_MESH_INSTALL_DIR = '{folder}'; \
             irm {page}/mcp-mesh-installer.ps1 | iex\""
        );
    }
    let folder = folder.display().to_string().replace('\'', r"'\''");
    format!("curl -LsSf {page}/mcp-mesh-installer.sh | MCP_MESH_INSTALL_DIR='{folder}' sh")
}

impl Surroundings {
    fn of(program: &Program) -> Self {
        let exists = |path: &str| Path::new(path).exists();
        Self {
            package: package(&program.path),
            container: exists("/.dockerenv") || exists("/run/.containerenv"),
        }
    }
}

/// The package that brought `program`. Only what lies where distributions put programs is looked up.
fn package(program: &Path) -> Option<Package> {
    if !program.starts_with("/usr") || program.starts_with("/usr/local") {
        return None;
    }
    let files = fs::read_to_string("/var/lib/dpkg/info/mcp-mesh.list").unwrap_or_default();
    if files.lines().any(|file| Path::new(file) == program) {
        return Some(Package::Deb);
    }
    let output = process::Command::new("rpm")
        .arg("-qf")
        .arg(program)
        .stdin(process::Stdio::null())
        .output();
    // Where there is no rpm, nothing was installed by it.
    output
        .is_ok_and(|output| output.status.success())
        .then_some(Package::Rpm)
}

/// Whether the parts stand in `path`, one behind the other, in any case.
fn has(path: &Path, parts: &[&str]) -> bool {
    let names: Vec<_> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_string_lossy().to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    names.windows(parts.len()).any(|window| {
        window
            .iter()
            .zip(parts)
            .all(|(name, part)| part.eq_ignore_ascii_case(name))
    })
}

/// This machine's CPU in one of two vocabularies.
fn cpu(intel: &'static str, arm: &'static str) -> &'static str {
    if std::env::consts::ARCH == "aarch64" {
        arm
    } else {
        intel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(path: &str, called_as: Option<&str>) -> Program {
        Program {
            path: path.into(),
            called_as: called_as.map(Into::into),
            version: Version::new(4, 0, 0),
        }
    }

    fn manager(path: &str) -> Option<&'static str> {
        let environment = [("CARGO_HOME", "/srv/cargo")].into_iter().collect();
        let program = program(path, None);
        Origin::manager(&program, &environment, Surroundings::default()).map(|origin| origin.name())
    }

    #[test]
    fn the_path_tells_most_package_managers() {
        for (path, expected) in [
            (
                "/opt/homebrew/Cellar/mcp-mesh/4.0.0/bin/meshctl",
                Some("homebrew"),
            ),
            (
                "/home/linuxbrew/.linuxbrew/Cellar/mcp-mesh/4.0.0/bin/meshctl",
                Some("homebrew"),
            ),
            (
                "/c/Users/u/scoop/apps/mcp-mesh/current/meshctl.exe",
                Some("scoop"),
            ),
            ("/home/u/.cargo/bin/meshctl", Some("cargo")),
            ("/srv/cargo/bin/meshctl", Some("cargo")),
            ("/usr/bin/python3.11", Some("pip")),
            ("/home/u/.local/bin/meshctl", None),
            ("/home/u/Cellar/meshctl", None),
            ("/home/u/.cargo/meshctl", None),
        ] {
            assert_eq!(manager(path), expected, "{path}");
        }
    }

    #[test]
    fn what_was_called_tells_who_manages_pythons_package() {
        let origin = |called_as: &str| {
            let program = program("/usr/bin/python3.11", Some(called_as));
            Origin::python(&program).map(|origin| origin.name())
        };
        assert_eq!(origin("/home/u/.local/bin/meshctl"), Some("pip"));
        let pipx = "/home/u/.local/share/pipx/venvs/mcp-mesh/bin/meshctl";
        assert_eq!(origin(pipx), Some("pipx"));
        let uv = "/home/u/.local/share/uv/tools/mcp-mesh/bin/meshctl";
        assert_eq!(origin(uv), Some("uv"));
    }

    #[test]
    fn an_environment_of_python_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pyvenv.cfg"), "").unwrap();
        let path = folder.path().join("bin/meshctl");
        let origin = Origin::python(&program(path.to_str().unwrap(), None)).unwrap();
        let advice = origin
            .advice()
            .replace(folder.path().to_str().unwrap(), "[VENV]");
        assert_eq!(
            advice,
            "run `pip install --upgrade mcp-mesh` in the environment `[VENV]`"
        );
    }

    #[test]
    fn the_system_and_the_image_are_asked_last() {
        let manager = |path: &str, surroundings| {
            let program = program(path, None);
            Origin::manager(&program, &Environment::default(), surroundings)
                .map(|origin| origin.name())
        };
        let image = Surroundings {
            package: None,
            container: true,
        };
        let packaged = |package| Surroundings {
            package: Some(package),
            container: true,
        };
        assert_eq!(manager("/usr/local/bin/meshctl", image), Some("container"));
        assert_eq!(manager("/home/u/bin/meshctl", image), None);
        assert_eq!(
            manager("/usr/bin/meshctl", packaged(Package::Deb)),
            Some("deb")
        );
        assert_eq!(
            manager("/usr/bin/meshctl", packaged(Package::Rpm)),
            Some("rpm")
        );
        assert_eq!(
            manager("/usr/bin/python3", packaged(Package::Deb)),
            Some("pip")
        );
    }

    #[cfg(unix)]
    #[test]
    fn each_origin_has_its_command() {
        let folder = PathBuf::from("/opt/it's here");
        let archive = Origin::Archive {
            folder,
            other: None,
        };
        let command = |origin: &Origin| {
            let version = Version::new(4, 1, 0);
            origin
                .upgrade_command(&version)
                .unwrap_or_default()
                .replace(REPOSITORY, "[REPO]")
                .replace(cpu("amd64", "arm64"), "[CPU]")
                .replace(cpu("x86_64", "aarch64"), "[CPU]")
        };
        insta::assert_snapshot!(command(&Origin::Deb), @"curl -fLO [REPO]/releases/download/v4.1.0/mcp-mesh_4.1.0_[CPU].deb && sudo apt install ./mcp-mesh_4.1.0_[CPU].deb");
        insta::assert_snapshot!(command(&Origin::Rpm), @"sudo rpm -U [REPO]/releases/download/v4.1.0/mcp-mesh-4.1.0-1.[CPU].rpm");
        insta::assert_snapshot!(command(&Origin::Cargo), @"cargo install --locked --git [REPO] --tag v4.1.0 mcp-mesh");
        insta::assert_snapshot!(command(&archive), @r"curl -LsSf [REPO]/releases/latest/download/mcp-mesh-installer.sh | MCP_MESH_INSTALL_DIR='/opt/it'\''s here' sh");
        insta::assert_snapshot!(command(&Origin::Container), @"");
        assert_eq!(command(&Origin::Scoop), "scoop update mcp-mesh");
        for origin in [
            &Origin::Deb,
            &Origin::Rpm,
            &Origin::Cargo,
            &Origin::Homebrew,
        ] {
            assert!(!origin.advice().contains("0.0.0"), "{}", origin.advice());
        }
    }
}
