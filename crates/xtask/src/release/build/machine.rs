//! What must not be seen in a build: where it was made, when, and by whom.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, bail};
use mesh_core::env::Environment;

use super::Toolchain;
use crate::release::{Target, Tool, tool};

/// The folders of this machine that compilers like to write into what they make.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Where cargo compiles.
    pub(crate) target_dir: PathBuf,
    /// The checkout. Its crates are compiled by relative paths, so nothing renames it: otherwise every
    /// checkout that shares a target directory would compile all dependencies anew.
    workspace: PathBuf,
    /// Other folders with the names that replace them; the longest path comes last, because the last
    /// match wins and one folder may lie in another.
    renamed: Vec<(PathBuf, String)>,
    path: OsString,
    pub(crate) toolchain: Toolchain,
}

impl Machine {
    /// Looks around; `workspace` and `target_dir` are absolute.
    pub(crate) fn of(
        workspace: &Path,
        target_dir: PathBuf,
        toolchain: Toolchain,
    ) -> anyhow::Result<Self> {
        let environment = Environment::of_process();
        let mut renamed = toolchain.renamed().to_vec();
        renamed.push((target_dir.clone(), "/target".to_owned()));
        renamed.push((cargo_home(&environment)?, "/cargo".to_owned()));
        let path = environment.get("PATH").unwrap_or_default();
        let path = tool::folders()
            .into_iter()
            .chain(std::env::split_paths(path));
        let mut machine = Self {
            target_dir,
            workspace: workspace.to_owned(),
            renamed,
            path: std::env::join_paths(path).context("PATH cannot be extended")?,
            toolchain,
        };
        machine.sort();
        Ok(machine)
    }

    /// The same machine, compiling into a folder inside the target directory.
    pub(crate) fn within(&self, folder: &str) -> Self {
        let mut inside = self.clone();
        inside.target_dir = self.target_dir.join(folder);
        for (renamed, _) in &mut inside.renamed {
            if *renamed == self.target_dir {
                renamed.clone_from(&inside.target_dir);
            }
        }
        inside.sort();
        inside
    }

    fn sort(&mut self) {
        self.renamed
            .sort_by_key(|(folder, _)| folder.as_os_str().len());
    }

    /// Sets what makes a run of cargo or maturin for `target` reproducible.
    pub(crate) fn hide(&self, tool: Tool, target: Target, epoch: u64) -> Tool {
        let zig = self.target_dir.join("zig");
        let tool = self
            .toolchain
            .take(tool, target)
            .env("PATH", &self.path)
            .env("CARGO_TARGET_DIR", &self.target_dir)
            .env("SOURCE_DATE_EPOCH", epoch.to_string())
            // Unlike RUSTFLAGS, this may hold paths with spaces.
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                self.rust_flags(target).join("\u{1f}"),
            )
            // Cargo hashes the name of the wrapper into every symbol of ours, so `cargo auditable`,
            // which sets its own full path here, would give other bytes in another folder.
            .env("RUSTC_WORKSPACE_WRAPPER", "cargo-auditable")
            .env(
                "CARGO_AUDITABLE_ORIG_ARGS",
                r#"{"offline":false,"locked":true,"frozen":false,"config":[]}"#,
            )
            .env("ZIG_GLOBAL_CACHE_DIR", &zig)
            .env("ZIG_LOCAL_CACHE_DIR", &zig)
            .env("CARGO_ZIGBUILD_CACHE_DIR", self.target_dir.join("zigbuild"))
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTC_WRAPPER");
        let triple = self.toolchain.triple;
        // Microsoft's compiler knows no such option.
        if triple.ends_with("-msvc") {
            return tool;
        }
        let variable = format!("CFLAGS_{}", triple.replace('-', "_"));
        tool.env(&variable, self.renaming("-ffile-prefix-map").join(" "))
    }

    fn rust_flags(&self, target: Target) -> Vec<String> {
        let mut flags = self.renaming("--remap-path-prefix");
        flags.extend(self.toolchain.rust_flags(target));
        flags
    }

    /// `OPTION=FOLDER=NAME` for each folder.
    fn renaming(&self, option: &str) -> Vec<String> {
        self.renamed
            .iter()
            .map(|(folder, name)| format!("{option}={}={name}", folder.display()))
            .collect()
    }

    /// The first folder of this machine that is named in `bytes`.
    pub(crate) fn seen_in(&self, bytes: &[u8]) -> Option<String> {
        self.renamed
            .iter()
            .map(|(folder, _)| folder.as_path())
            .chain([self.workspace.as_path()])
            // With what follows it: `/work` is no part of `/worker`.
            .map(|folder| folder.join("").display().to_string())
            .find(|folder| contains(bytes, folder))
    }
}

/// What cargo and rustup call their folders on any machine: a trace of one of them in `bytes`.
pub(crate) fn trace_in(bytes: &[u8]) -> Option<&'static str> {
    [
        "/.cargo/registry/",
        "\\.cargo\\registry\\",
        "/.rustup/toolchains/",
        "\\.rustup\\toolchains\\",
        "path+file://",
    ]
    .into_iter()
    .find(|trace| contains(bytes, trace))
}

fn contains(bytes: &[u8], name: &str) -> bool {
    let name = name.as_bytes();
    // The first byte decides nearly always, and binaries are long.
    bytes
        .windows(name.len())
        .any(|window| window[0] == name[0] && window == name)
}

/// The time stamp of everything that is built from `workspace`, in seconds since 1970: what
/// `SOURCE_DATE_EPOCH` says, else the time of the last commit, else of the newest file.
pub(crate) fn epoch(workspace: &Path) -> anyhow::Result<u64> {
    if let Some(epoch) = Environment::of_process().get("SOURCE_DATE_EPOCH") {
        return epoch
            .parse()
            .with_context(|| format!("SOURCE_DATE_EPOCH=`{epoch}` is no number of seconds"));
    }
    // Only its own repository counts: an unpacked source may lie inside another one.
    if workspace.join(".git").exists() {
        let time = Tool::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(workspace)
            .output()?;
        return time
            .parse()
            .with_context(|| format!("git says `{time}` for the time of the last commit"));
    }
    match newest_file(workspace)? {
        0 => bail!("`{}` holds no files", workspace.display()),
        time => Ok(time),
    }
}

/// When the newest file was changed; what builds and editors leave behind does not count.
fn newest_file(folder: &Path) -> anyhow::Result<u64> {
    let unreadable = || format!("failed to read `{}`", folder.display());
    let mut newest = 0;
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().with_context(unreadable)?;
        let time = if kind.is_dir() {
            if name.starts_with('.') || matches!(&*name, "target" | "dist" | "__pycache__") {
                continue;
            }
            newest_file(&entry.path())?
        } else {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            modified
                .with_context(unreadable)?
                .duration_since(UNIX_EPOCH)
                .map_or(0, |age| age.as_secs())
        };
        newest = newest.max(time);
    }
    Ok(newest)
}

fn cargo_home(environment: &Environment) -> anyhow::Result<PathBuf> {
    if let Some(home) = environment.get("CARGO_HOME") {
        return Ok(home.into());
    }
    let home = ["HOME", "USERPROFILE"]
        .into_iter()
        .find_map(|name| environment.get(name))
        .context("neither CARGO_HOME nor HOME says where cargo keeps its sources")?;
    Ok(Path::new(home).join(".cargo"))
}

#[cfg(test)]
mod tests {
    use super::super::toolchain::WindowsLinker;
    use super::*;

    fn machine() -> Machine {
        let workspace = crate::root::checkout().canonicalize().unwrap();
        let target = workspace.join("target");
        let host = Target::host().expect("tests run on a target of releases");
        let toolchain = Toolchain::find(&workspace, host, WindowsLinker::Msvc).unwrap();
        Machine::of(&workspace, target, toolchain).unwrap()
    }

    #[test]
    fn a_folder_within_another_is_renamed_after_it() {
        let machine = machine();
        let position = |name: &str| {
            let found = machine.renamed.iter().position(|(_, new)| new == name);
            found.unwrap_or_else(|| panic!("no `{name}` in {:?}", machine.renamed))
        };
        let source = machine
            .renamed
            .iter()
            .find(|(_, new)| new.starts_with("/rustc/"));
        assert!(position("/rust") < position(&source.unwrap().1));
    }

    #[test]
    fn a_target_directory_inside_has_the_same_name_for_compilers() {
        let outer = machine();
        let inner = outer.within("wheel");
        assert_eq!(inner.target_dir, outer.target_dir.join("wheel"));
        let name = (inner.target_dir.clone(), "/target".to_owned());
        assert!(inner.renamed.contains(&name), "{:?}", inner.renamed);
        assert_eq!(inner.renamed.len(), outer.renamed.len());
    }

    #[test]
    fn a_trace_of_the_machine_is_found_anywhere() {
        let machine = machine();
        let mut bytes = vec![0xff; 10];
        assert_eq!(machine.seen_in(&bytes), None);
        bytes.extend(machine.workspace.join("x").as_os_str().as_encoded_bytes());
        assert_eq!(
            machine.seen_in(&bytes),
            Some(format!("{}/", machine.workspace.display()))
        );
        assert_eq!(machine.seen_in(b"/cargo/registry/src/x.rs"), None);
        let beside = format!("{}r.rs", machine.workspace.display());
        assert_eq!(machine.seen_in(beside.as_bytes()), None);
    }

    #[test]
    fn a_trace_of_any_machine_is_found() {
        assert_eq!(trace_in(b"/cargo/registry/src/x.rs"), None);
        assert!(trace_in(b"\0/home/me/.cargo/registry/src/x.rs").is_some());
        assert!(trace_in(br"C:\Users\me\.cargo\registry\src\x.rs").is_some());
    }

    #[test]
    fn a_tree_without_git_has_the_time_of_its_newest_source() {
        let tree = tempfile::tempdir().unwrap();
        let touch = |path: &str, seconds: u64| {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = fs::File::create(path).unwrap();
            let time = UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.set_modified(time).unwrap();
        };
        assert_eq!(newest_file(tree.path()).unwrap(), 0);
        touch("Cargo.toml", 1_000);
        touch("crates/a/lib.rs", 2_000);
        touch("target/debug/a", 9_000);
        touch(".venv/b", 9_000);
        assert_eq!(newest_file(tree.path()).unwrap(), 2_000);
    }

    #[test]
    fn a_commit_has_its_own_time() {
        let time = epoch(crate::root::checkout()).unwrap();
        assert!(time > 1_700_000_000, "{time}");
    }
}
