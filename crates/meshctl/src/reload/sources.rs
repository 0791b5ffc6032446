//! Which files an agent is made of, and whether their contents changed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What editors leave beside the file that they write.
const TEMPORARY: [&str; 4] = ["swp", "tmp", "bak", "swx"];

/// In which language the agent is written, which decides what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Watched {
    /// Modules, prompts and settings.
    Python,
    /// What Maven compiles and packs.
    Java,
}

impl Watched {
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["py", "jinja2", "j2", "yaml", "yml"],
            Self::Java => &["java", "yml", "yaml", "properties", "xml"],
        }
    }

    /// Folders that hold what is made from sources, or is none of the agent's.
    fn skipped(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["__pycache__", "venv", "node_modules"],
            Self::Java => &["target", "node_modules"],
        }
    }
}

/// The files of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sources {
    watched: Watched,
    /// None of them lies in another.
    roots: Vec<PathBuf>,
}

/// What was in the files at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    files: BTreeMap<PathBuf, Stamp>,
}

/// What is in one file, as far as a comparison needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    digest: u64,
}

impl Sources {
    pub(crate) fn new(watched: Watched, mut roots: Vec<PathBuf>) -> Self {
        roots.sort();
        roots.dedup_by(|inner, outer| inner.starts_with(outer));
        Self { watched, roots }
    }

    /// Whether a change of `path` may matter. What has no ending may be a folder.
    pub(super) fn may_concern(&self, path: &Path) -> bool {
        match path.extension() {
            Some(_) => self.is_source(path),
            None => path.file_name().is_some_and(|name| !self.is_skipped(name)),
        }
    }

    /// The folders whose entries matter.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        self.walk().0
    }

    /// What is in the files now. A file whose time and length are those of `before` is not read.
    pub(crate) fn snapshot(&self, before: &Snapshot) -> Snapshot {
        let files = self.walk().1.into_iter().filter_map(|path| {
            let stamp = Stamp::of(&path, before.files.get(&path))?;
            Some((path, stamp))
        });
        Snapshot {
            files: files.collect(),
        }
    }

    /// The file as the user knows it: seen from the folder that is watched.
    pub(super) fn shown(&self, path: &Path) -> String {
        let within = self
            .roots
            .iter()
            .find_map(|root| path.strip_prefix(root).ok());
        within.unwrap_or(path).display().to_string()
    }

    /// All folders and all sources. What cannot be read is as good as not there.
    fn walk(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        let mut open = self.roots.clone();
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                // A link to a folder is not followed: it may lead in a circle.
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder {
                    if !self.is_skipped(&entry.file_name()) {
                        open.push(path);
                    }
                } else if self.is_source(&path) {
                    files.push(path);
                }
            }
            folders.push(folder);
        }
        (folders, files)
    }

    fn is_source(&self, path: &Path) -> bool {
        let Some(name) = path.file_name().and_then(OsStr::to_str) else {
            return false;
        };
        let Some(ending) = path.extension().and_then(OsStr::to_str) else {
            return false;
        };
        !name.starts_with(['.', '#'])
            && !name.ends_with('~')
            && !TEMPORARY.contains(&ending)
            && self.watched.endings().contains(&ending)
    }

    fn is_skipped(&self, folder: &OsStr) -> bool {
        folder.to_str().is_none_or(|name| {
            name.starts_with('.')
                || name.ends_with(".egg-info")
                || self.watched.skipped().contains(&name)
        })
    }
}

impl Snapshot {
    /// The files that differ from `earlier`, came or went.
    pub(super) fn changed_since(&self, earlier: &Self) -> Vec<PathBuf> {
        let differs = |path: &&PathBuf| {
            let digest = |snapshot: &Self| snapshot.files.get(*path).map(|stamp| stamp.digest);
            digest(self) != digest(earlier)
        };
        let gone = earlier
            .files
            .keys()
            .filter(|path| !self.files.contains_key(*path));
        self.files
            .keys()
            .chain(gone)
            .filter(differs)
            .cloned()
            .collect()
    }
}

impl Stamp {
    fn of(path: &Path, before: Option<&Self>) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let (modified, length) = (metadata.modified().ok(), metadata.len());
        if let Some(before) = before
            && modified.is_some()
            && (before.modified, before.length) == (modified, length)
        {
            return Some(before.clone());
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&fs::read(path).ok()?);
        Some(Self {
            modified,
            length,
            digest: hasher.finish(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }

        fn sources(&self) -> Sources {
            Sources::new(Watched::Python, vec![self.0.path().to_owned()])
        }
    }

    #[test]
    fn only_what_the_agent_is_made_of_counts() {
        let tree = Tree::new();
        for name in [
            "a.py",
            "b.txt",
            ".hidden.py",
            ".#a.py",
            "a.py~",
            ".a.py.swp",
            "c.py.tmp",
            "prompts/p.jinja2",
            "__pycache__/a.py",
            ".venv/x.py",
            "deep/er/s.yaml",
            "x.egg-info/y.py",
        ] {
            tree.write(name, "");
        }
        let snapshot = tree.sources().snapshot(&Snapshot::default());
        let shown: Vec<_> = snapshot
            .files
            .keys()
            .map(|path| tree.sources().shown(path).replace('\\', "/"))
            .collect();
        assert_eq!(shown, ["a.py", "deep/er/s.yaml", "prompts/p.jinja2"]);
        assert!(tree.sources().may_concern(Path::new("/x/new_folder")));
        assert!(!tree.sources().may_concern(Path::new("/x/__pycache__")));
        assert!(!tree.sources().may_concern(Path::new("/x/state.db")));
    }

    #[test]
    fn a_touch_changes_nothing_and_a_rename_over_a_file_does() {
        let tree = Tree::new();
        let path = tree.write("a.py", "one");
        let other = tree.write("b.py", "b");
        let sources = tree.sources();
        let first = sources.snapshot(&Snapshot::default());
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        let touched = sources.snapshot(&first);
        assert_eq!(touched.changed_since(&first), [] as [PathBuf; 0]);
        let temporary = tree.write("a.py.tmp", "two");
        fs::rename(temporary, &path).unwrap();
        fs::remove_file(&other).unwrap();
        let renamed = sources.snapshot(&touched);
        assert_eq!(renamed.changed_since(&first), [path, other]);
    }

    #[test]
    fn a_root_inside_another_is_the_other() {
        let roots = ["/x/agents/a", "/x/agents", "/y"].map(PathBuf::from);
        let sources = Sources::new(Watched::Java, roots.to_vec());
        assert_eq!(sources.roots, ["/x/agents", "/y"].map(PathBuf::from));
    }
}
