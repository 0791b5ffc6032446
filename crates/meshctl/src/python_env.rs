//! Which Python runs an agent, found by looking at files only.
//!
//! Starting an interpreter to ask costs seconds once it imports something; its environment's
//! files say the same in milliseconds: `pyvenv.cfg` names the version, `site-packages` holds
//! `mesh` or the traces that an installer leaves.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::env::Environment;

use crate::error::{CliError, Kind};

/// The oldest Python that the package supports.
const OLDEST: Version = Version(3, 11);
/// What to do where no interpreter has the package.
pub(crate) const INSTALL_HINT: &str = if cfg!(windows) {
    "create an environment beside the agent: `python3 -m venv .venv && .venv\\Scripts\\pip install mcp-mesh`"
} else {
    "create an environment beside the agent: `python3 -m venv .venv && .venv/bin/pip install mcp-mesh`"
};
/// What the Python package is called where it is installed.
const DISTRIBUTION: &str = "mcp_mesh";

/// Major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What the files say of one interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// New enough, and `mesh` is there.
    Ready,
    /// Older than [`OLDEST`].
    TooOld(Version),
    /// `mesh` is not installed.
    Bare,
    /// The files do not tell, as with a shim; the interpreter itself will.
    Unknown,
    /// An environment whose interpreter is gone, as after an upgrade of the Python below it.
    Hollow,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::TooOld(version) => write!(f, "Python {version} is older than {OLDEST}"),
            Self::Bare => f.write_str("the package `mcp-mesh` is not installed there"),
            Self::Unknown => f.write_str("its packages cannot be seen"),
            Self::Hollow => f.write_str("no interpreter is there"),
        }
    }
}

/// The interpreter for an agent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// The executable.
    pub(crate) path: PathBuf,
    /// Nearer ones that were passed over, each with the reason.
    pub(crate) passed_over: Vec<String>,
}

/// Where to look beside the agent's own folder and those above it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Where the command was given.
    pub(crate) current_dir: &'a Path,
    /// What meshctl was called as; it may itself be installed in an environment.
    pub(crate) program: Option<&'a Path>,
    pub(crate) environment: &'a Environment,
}

/// Finds the interpreter for the agent in `script`: the nearest environment that has `mesh`.
pub(crate) fn find(script: &Path, around: Surroundings<'_>) -> Result<Interpreter, CliError> {
    let environment = around.environment;
    let mut passed_over = Vec::new();
    let mut undecided = None;
    let mut seen = Vec::new();
    for path in candidates(script, around) {
        if seen.contains(&path) {
            continue;
        }
        let verdict = judge(&path, environment);
        match verdict {
            Verdict::Ready => return Ok(Interpreter { path, passed_over }),
            Verdict::Unknown if undecided.is_none() => undecided = Some(path.clone()),
            _ => passed_over.push(format!("{}: {verdict}", path.display())),
        }
        seen.push(path);
    }
    if let Some(path) = undecided {
        return Ok(Interpreter { path, passed_over });
    }
    let message = if passed_over.is_empty() {
        format!("no Python interpreter found for `{}`", script.display())
    } else {
        format!(
            "no Python {OLDEST}+ with the package `mcp-mesh` found for `{}` (looked at {})",
            script.display(),
            passed_over.join("; ")
        )
    };
    Err(CliError::new(message)
        .of_kind(Kind::Prerequisite)
        .hint(INSTALL_HINT))
}

/// Executables, and environments that have lost theirs; the nearest first.
fn candidates(script: &Path, around: Surroundings<'_>) -> Vec<PathBuf> {
    let Surroundings {
        current_dir,
        program,
        environment,
    } = around;
    let folders = script.ancestors().skip(1).chain(current_dir.ancestors());
    let uv_name = environment.get("UV_PROJECT_ENVIRONMENT");
    let beside = folders.flat_map(|folder| {
        let uv = uv_name
            .filter(|_| folder.join("pyproject.toml").is_file())
            .map(|name| folder.join(name));
        [folder.join(".venv"), folder.join("venv")]
            .into_iter()
            .chain(uv)
    });
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(|variable| environment.get(variable).map(PathBuf::from));
    let own = program
        .and_then(Path::parent)
        .and_then(Path::parent)
        .filter(|root| root.is_absolute() && root.join("pyvenv.cfg").is_file())
        .map(Path::to_owned);
    let in_environments = beside
        .chain(active)
        .chain(own)
        // Whoever has no environment needs no word about it; one that is broken surprises.
        .filter_map(|root| executable_in(&root).or_else(|| root.is_dir().then_some(root)));
    let on_path = environment
        .get("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(path).collect::<Vec<_>>())
        .filter(|folder| folder.is_absolute())
        .flat_map(|folder| EXECUTABLES.map(|name| folder.join(name)))
        .filter(|path| path.is_file());
    in_environments.chain(on_path).collect()
}

const EXECUTABLES: [&str; 2] = if cfg!(windows) {
    ["python.exe", "python3.exe"]
} else {
    ["python3", "python"]
};

/// The interpreter of the environment in `root`, if one is there.
fn executable_in(root: &Path) -> Option<PathBuf> {
    let relative = if cfg!(windows) {
        ["Scripts/python.exe", "python.exe"]
    } else {
        ["bin/python", "bin/python3"]
    };
    relative
        .into_iter()
        .map(|relative| root.join(relative))
        .find(|path| path.is_file())
}

fn judge(executable: &Path, environment: &Environment) -> Verdict {
    if executable.is_dir() {
        return Verdict::Hollow;
    }
    let Some(installation) = Installation::of(executable) else {
        return Verdict::Unknown;
    };
    if installation.version < OLDEST {
        return Verdict::TooOld(installation.version);
    }
    let extra = environment
        .get("PYTHONPATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(path).collect::<Vec<_>>());
    let folders = installation.seen_packages(environment);
    if folders.into_iter().any(|folder| holds_mesh(&folder))
        || extra.into_iter().any(|folder| is_mesh_root(&folder))
    {
        Verdict::Ready
    } else {
        Verdict::Bare
    }
}

/// What the files of an interpreter tell, for people.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Description {
    /// Major and minor, as in `3.11`.
    pub(crate) python: Option<String>,
    /// The version of `mcp-mesh`; none if it is not there, or lies there as sources.
    pub(crate) package: Option<String>,
}

/// Looks at the files of `executable`.
pub(crate) fn describe(executable: &Path, environment: &Environment) -> Description {
    let Some(installation) = Installation::of(executable) else {
        return Description::default();
    };
    let folders = installation.seen_packages(environment);
    Description {
        python: Some(installation.version.to_string()),
        package: folders.iter().find_map(|folder| version_of_package(folder)),
    }
}

/// `4.0.0` of the folder `mcp_mesh-4.0.0.dist-info`.
fn version_of_package(folder: &Path) -> Option<String> {
    fs::read_dir(folder).ok()?.find_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let rest = name.strip_prefix(DISTRIBUTION)?.strip_prefix('-')?;
        rest.strip_suffix(".dist-info").map(str::to_owned)
    })
}

/// Where one interpreter's packages are.
#[derive(Debug)]
struct Installation {
    prefix: PathBuf,
    version: Version,
    /// The installation that a virtual environment was made from.
    base: Option<PathBuf>,
    /// Whether packages outside the environment count too.
    sees_base: bool,
}

impl Installation {
    fn of(executable: &Path) -> Option<Self> {
        let folder = executable.parent()?;
        let prefix = if folder.ends_with("bin") || folder.ends_with("Scripts") {
            folder.parent()?
        } else {
            folder
        };
        if let Ok(text) = fs::read_to_string(prefix.join("pyvenv.cfg")) {
            return Self::of_environment(prefix, &text);
        }
        // The real file of `python3` is `python3.11`, and its prefix is the installation's.
        let real = fs::canonicalize(executable).ok()?;
        let version = version_in(real.file_stem()?.to_str()?, real.file_name()?.to_str()?)
            .or_else(|| only_version_under(prefix))
            .or_else(|| version_of_library(prefix))?;
        Some(Self {
            prefix: prefix.to_owned(),
            version,
            base: real.parent().and_then(Path::parent).map(Path::to_owned),
            sees_base: true,
        })
    }

    fn of_environment(prefix: &Path, configuration: &str) -> Option<Self> {
        let setting = |wanted: &str| {
            configuration.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim().eq_ignore_ascii_case(wanted)).then(|| value.trim())
            })
        };
        let version = setting("version_info")
            .or_else(|| setting("version"))
            .and_then(parse_version)
            .or_else(|| only_version_under(prefix))?;
        Some(Self {
            prefix: prefix.to_owned(),
            version,
            base: setting("home")
                .map(Path::new)
                .and_then(|home| {
                    if cfg!(windows) {
                        Some(home)
                    } else {
                        home.parent()
                    }
                })
                .map(Path::to_owned),
            sees_base: setting("include-system-site-packages")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
        })
    }

    /// All folders that count, those of the user among them.
    fn seen_packages(&self, environment: &Environment) -> Vec<PathBuf> {
        let mut folders = self.packages();
        if self.sees_base {
            folders.extend(packages_of_user(environment, self.version));
        }
        folders
    }

    fn packages(&self) -> Vec<PathBuf> {
        let mut folders = packages_under(&self.prefix, self.version);
        if let (true, Some(base)) = (self.sees_base, &self.base) {
            folders.extend(packages_under(base, self.version));
            folders.extend(packages_under(Path::new("/usr/local"), self.version));
        }
        folders
    }
}

fn packages_under(prefix: &Path, version: Version) -> Vec<PathBuf> {
    let versioned = prefix.join("lib").join(format!("python{version}"));
    vec![
        versioned.join("site-packages"),
        versioned.join("dist-packages"),
        prefix.join("lib/python3/dist-packages"),
        prefix.join("Lib").join("site-packages"),
    ]
}

/// Where `pip install --user` puts packages.
fn packages_of_user(environment: &Environment, version: Version) -> Vec<PathBuf> {
    let Version(major, minor) = version;
    if cfg!(windows) {
        let folder = format!("Python/Python{major}{minor}/site-packages");
        let of = |data| Path::new(data).join(folder);
        return environment.get("APPDATA").map(of).into_iter().collect();
    }
    let of = |home| packages_under(&Path::new(home).join(".local"), version);
    environment.get("HOME").map(of).unwrap_or_default()
}

/// `3.11` of `3.11.7` and of `3.11.7.final.0`.
fn parse_version(text: &str) -> Option<Version> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some(Version(major, minor))
}

/// The version in `python3.11`; the stem of that name is `python3`, so both are asked.
fn version_in(stem: &str, name: &str) -> Option<Version> {
    [name, stem]
        .into_iter()
        .find_map(|text| parse_version(text.strip_prefix("python")?.trim_end_matches(".exe")))
}

/// The version whose library folder lies under `prefix`, if there is one only.
fn only_version_under(prefix: &Path) -> Option<Version> {
    let mut versions = fs::read_dir(prefix.join("lib")).ok()?.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        parse_version(name.strip_prefix("python")?)
    });
    versions.next().filter(|_| versions.next().is_none())
}

/// The version of the library beside the interpreter, as Windows has it: `python311.dll`.
fn version_of_library(prefix: &Path) -> Option<Version> {
    fs::read_dir(prefix).ok()?.find_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let digits = name.strip_prefix("python")?.strip_suffix(".dll")?;
        let (major, minor) = digits.split_at_checked(1)?;
        Some(Version(major.parse().ok()?, minor.parse().ok()?))
    })
}

/// Whether `import mesh` works with `folder` on the path.
fn holds_mesh(folder: &Path) -> bool {
    if is_mesh_root(folder) {
        return true;
    }
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.filter_map(Result::ok).any(|entry| {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return false;
        };
        let path_file = Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "pth");
        // An editable install leaves a path file or a finder instead of the package.
        (name.starts_with("__editable__") && name.contains(DISTRIBUTION))
            || (path_file && leads_to_mesh(&entry.path()))
    })
}

fn is_mesh_root(folder: &Path) -> bool {
    folder.join("mesh/__init__.py").is_file() || folder.join("mesh.py").is_file()
}

fn leads_to_mesh(path_file: &Path) -> bool {
    fs::read_to_string(path_file).is_ok_and(|text| {
        let folders = text.lines().map(str::trim).filter(|line| {
            !line.is_empty() && !line.starts_with('#') && !line.starts_with("import ")
        });
        let base = path_file.parent().unwrap_or(Path::new(""));
        folders
            .into_iter()
            .any(|line| is_mesh_root(&base.join(line)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: &str = if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    };

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a temporary directory"))
        }

        fn file(&self, path: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(&path, text).expect("a file");
            path
        }

        fn environment(&self, root: &str, version: &str) -> PathBuf {
            self.file(
                &format!("{root}/pyvenv.cfg"),
                &format!("home = /nowhere/bin\nversion = {version}\n"),
            );
            self.file(&format!("{root}/{PYTHON}"), "")
        }

        fn find(&self, pairs: &[(&str, String)]) -> Result<Interpreter, CliError> {
            let script = self.file("project/agents/greeter/main.py", "");
            let nowhere = self.0.path().join("elsewhere");
            let around = Surroundings {
                current_dir: &nowhere,
                program: Some(&self.0.path().join("tools/bin/meshctl")),
                environment: &pairs.iter().cloned().collect(),
            };
            find(&script, around)
        }
    }

    #[test]
    fn the_nearest_environment_that_has_the_package_wins() {
        let tree = Tree::new();
        tree.environment("project/agents/.venv", "3.12.1");
        let outer = tree.environment("project/venv", "3.11.7");
        tree.file(
            "project/venv/lib/python3.11/site-packages/mesh/__init__.py",
            "",
        );
        let found = tree.find(&[]).unwrap();
        assert_eq!(found.path, outer);
        assert_eq!(found.passed_over.len(), 1);
        assert!(found.passed_over[0].ends_with("the package `mcp-mesh` is not installed there"));
    }

    #[test]
    fn the_active_environment_and_editable_installs_count() {
        let tree = Tree::new();
        let active = tree.environment("active", "3.13.0");
        tree.file("source/mesh/__init__.py", "");
        let source = tree.0.path().join("source");
        tree.file(
            "active/lib/python3.13/site-packages/mcp_mesh.pth",
            &format!("{}\n", source.display()),
        );
        let root = tree.0.path().join("active").display().to_string();
        let found = tree.find(&[("VIRTUAL_ENV", root)]).unwrap();
        assert_eq!(found.path, active);
    }

    #[test]
    fn the_environment_of_meshctl_itself_is_the_last_but_the_path() {
        let tree = Tree::new();
        let own = tree.environment("tools", "3.12.0");
        tree.file("tools/lib/python3.12/site-packages/mesh.py", "");
        assert_eq!(tree.find(&[]).unwrap().path, own);
    }

    #[test]
    fn an_old_python_and_a_bare_one_are_named() {
        let tree = Tree::new();
        tree.environment("project/.venv", "3.10.2");
        tree.environment("project/venv", "3.11.2");
        let error = tree.find(&[]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("Python 3.10 is older than 3.11"), "{text}");
        assert!(text.contains("is not installed there"), "{text}");
        assert!(error.hint_text().unwrap().contains("python3 -m venv .venv"));
    }

    #[test]
    fn an_environment_without_its_interpreter_is_named() {
        let tree = Tree::new();
        tree.file("project/.venv/pyvenv.cfg", "version = 3.12.0\n");
        tree.file("project/.venv/bin/pip", "");
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            "/nowhere/bin/python3",
            tree.0.path().join("project/.venv/bin/python"),
        )
        .unwrap();
        let text = tree.find(&[]).unwrap_err().to_string();
        assert!(
            text.replace('\\', "/")
                .ends_with("project/.venv: no interpreter is there)"),
            "{text}"
        );
    }

    #[test]
    fn an_installation_as_windows_has_it_tells_its_version() {
        let tree = Tree::new();
        tree.file("python/python3.dll", "");
        tree.file("python/python312.dll", "");
        let python = tree.file("python/python.exe", "");
        let installation = Installation::of(&python).unwrap();
        assert_eq!(installation.version, Version(3, 12));
        tree.file("python/Lib/site-packages/mesh/__init__.py", "");
        assert_eq!(judge(&python, &Environment::default()), Verdict::Ready);
        tree.file(
            "python/Lib/site-packages/mcp_mesh-4.0.0.dist-info/METADATA",
            "",
        );
        let description = describe(&python, &Environment::default());
        assert_eq!(description.python.as_deref(), Some("3.12"));
        assert_eq!(description.package.as_deref(), Some("4.0.0"));
    }

    #[test]
    fn nothing_at_all_is_an_error_too() {
        let tree = Tree::new();
        let error = tree.find(&[]).unwrap_err();
        assert!(error.to_string().starts_with("no Python interpreter found"));
    }

    #[test]
    fn versions_are_read_from_files_and_names() {
        assert_eq!(parse_version("3.11.7.final.0"), Some(Version(3, 11)));
        assert_eq!(version_in("python3", "python3.12"), Some(Version(3, 12)));
        assert_eq!(version_in("python3", "python3"), None);
        assert!(Version(3, 9) < OLDEST);
    }
}
