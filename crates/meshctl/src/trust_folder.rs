//! The trust folder: authorities of organisations whose agents a registry may admit, one file each.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use mesh_core::env::{EnvVars, Environment};

use crate::certificate::{CertificateFile, Unreadable};
use crate::error::{CliError, Kind, unnamed};
use crate::home::Home;
use crate::platform::make_private_folder;
use crate::suggestion::did_you_mean;

const MAX_NAME: usize = 255;
/// Where the entities' files are, below the folder.
const ENTITIES: &str = "entities";
const ENDING: &str = "pem";
/// The authority of the mesh itself.
const ROOT: &str = "ca.pem";

/// The name of an entity: safe as the name of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntityName(String); // Private: parsing is the only way in.

impl EntityName {
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        let plain = |c: char| c.is_ascii_alphanumeric();
        let fits = text.starts_with(plain)
            && text.chars().all(|c| plain(c) || matches!(c, '-' | '_'))
            && text.len() <= MAX_NAME;
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err(
            CliError::new(format!("`{text}` cannot be the name of an entity"))
                .of_kind(Kind::Usage)
                .hint(format!(
                    "a name has letters, digits, hyphens and underscores, begins with a letter or a \
                     digit, and has {MAX_NAME} characters at most"
                )),
        )
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file of the folder.
#[derive(Debug)]
pub(crate) struct Trusted {
    /// The name of the entity; none is the mesh's own authority.
    pub(crate) name: Option<String>,
    /// The file below the folder, with `/` on every system.
    pub(crate) source: String,
    /// What is in it.
    pub(crate) file: Result<CertificateFile, Unreadable>,
}

/// Where authorities are kept. Whoever looks needs not have one.
#[derive(Debug, Clone)]
pub(crate) struct TrustFolder {
    root: PathBuf,
}

impl TrustFolder {
    /// The flag, else the variable, else `tls` in the state directory.
    pub(crate) fn locate(
        flag: Option<PathBuf>,
        environment: &Environment,
    ) -> Result<Self, CliError> {
        let variable = || environment.get(EnvVars::MCP_MESH_TRUST_DIR);
        let root = match flag.or_else(|| variable().map(PathBuf::from)) {
            Some(root) => root,
            None => Home::resolve(environment)?.tls(),
        };
        Ok(Self { root })
    }

    /// The file of an entity, whether it is there or not.
    pub(crate) fn file(&self, name: &EntityName) -> PathBuf {
        self.entities().join(format!("{name}.{ENDING}"))
    }

    fn entities(&self) -> PathBuf {
        self.root.join(ENTITIES)
    }

    /// Writes the certificates of `file` for this user alone, all or nothing; whether nobody of this name
    /// was there before is decided by the system.
    pub(crate) fn add(
        &self,
        name: &EntityName,
        file: &CertificateFile,
        replace: bool,
    ) -> Result<(), CliError> {
        let folder = self.entities();
        make_private_folder(&folder).map_err(|error| {
            CliError::new(format!("cannot create `{}`", folder.display()))
                .because(error)
                .hint(format!(
                    "name a folder that can be written with `--trust-dir` or `{}`",
                    EnvVars::MCP_MESH_TRUST_DIR
                ))
        })?;
        let target = self.file(name);
        let failed = |error: io::Error| {
            CliError::new(format!("cannot write `{}`", target.display())).because(error)
        };
        let mut new = tempfile::NamedTempFile::new_in(&folder)
            .map_err(unnamed)
            .map_err(failed)?;
        new.write_all(file.pem().as_bytes()).map_err(failed)?;
        new.as_file().sync_all().map_err(failed)?;
        let put = if replace {
            new.persist(&target)
        } else {
            new.persist_noclobber(&target)
        };
        match put {
            Ok(_) => Ok(()),
            Err(error) if !replace && error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(CliError::new(format!(
                    "entity '{name}' already registered, use --force to overwrite"
                ))
                .of_kind(Kind::Conflict))
            }
            Err(error) => Err(failed(error.error)),
        }
    }

    /// Says that an entity is not there, if so.
    pub(crate) fn require(&self, name: &EntityName) -> Result<(), CliError> {
        let target = self.file(name);
        match fs::symlink_metadata(&target) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.unknown(name)),
            Err(error) => {
                Err(CliError::new(format!("cannot look at `{}`", target.display())).because(error))
            }
        }
    }

    pub(crate) fn remove(&self, name: &EntityName) -> Result<(), CliError> {
        let target = self.file(name);
        match fs::remove_file(&target) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.unknown(name)),
            Err(error) => {
                Err(CliError::new(format!("cannot remove `{}`", target.display())).because(error))
            }
        }
    }

    fn unknown(&self, name: &EntityName) -> CliError {
        let error = CliError::new(format!("entity '{name}' not found")).of_kind(Kind::NotFound);
        let known = self.names().unwrap_or_default();
        match did_you_mean(name.as_str(), known.iter().map(String::as_str)) {
            Some(hint) => error.hint(hint),
            None => error.hint("`meshctl entity list` shows who is registered"),
        }
    }

    /// The names of all entities, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>, CliError> {
        let folder = self.entities();
        let failed = |error: io::Error| {
            CliError::new(format!("cannot list `{}`", folder.display())).because(error)
        };
        let files = match fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for file in files {
            let path = file.map_err(failed)?.path();
            if path.extension().is_some_and(|ending| ending == ENDING)
                && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            {
                names.push(stem.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The mesh's own authority if there is one, and all entities by name.
    pub(crate) fn read(&self) -> Result<Vec<Trusted>, CliError> {
        let mut all = Vec::new();
        let root = self.root.join(ROOT);
        if root.exists() {
            all.push(Trusted {
                name: None,
                source: ROOT.to_owned(),
                file: CertificateFile::read(&root),
            });
        }
        for name in self.names()? {
            let file = format!("{name}.{ENDING}");
            all.push(Trusted {
                file: CertificateFile::read(&self.entities().join(&file)),
                source: format!("{ENTITIES}/{file}"),
                name: Some(name),
            });
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_of_files() {
        for good in [
            "partner",
            "A",
            "9-lives",
            "partner_corp-2",
            &"x".repeat(255),
        ] {
            assert_eq!(EntityName::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "_a",
            "a b",
            "a/b",
            "a.b",
            "größe",
            &"x".repeat(256),
        ] {
            assert!(EntityName::parse(bad).is_err(), "{bad}");
        }
    }
}
