//! The receipt that our installers leave: what they installed where.

use std::path::{Path, PathBuf};
use std::{fs, io};

use mesh_core::env::Environment;
use serde::Deserialize;

use super::platform::canonical;
use super::{Program, UpdateError};

/// The app, as the installers call it.
const APP: &str = "mcp-mesh";

/// A receipt.
#[derive(Debug, Clone)]
pub(super) struct Receipt {
    /// The file.
    pub(super) path: PathBuf,
    /// The folder that the programs were put into.
    pub(super) prefix: PathBuf,
    /// The file names of the programs.
    pub(super) binaries: Vec<String>,
}

/// What we read of the file; there is more in it.
#[derive(Deserialize)]
struct Written {
    install_prefix: PathBuf,
    binaries: Vec<String>,
}

impl Receipt {
    /// The receipt for `program`; if there is none, that of another installation of this user.
    pub(super) fn find(
        environment: &Environment,
        program: &Program,
    ) -> Result<Option<Self>, UpdateError> {
        let mut other = None;
        for path in candidates(environment) {
            let text = match fs::read(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(unreadable(&path, error.to_string())),
            };
            let receipt = Self::parse(path, &text)?;
            if receipt.is_for(program) {
                return Ok(Some(receipt));
            }
            other.get_or_insert(receipt);
        }
        Ok(other)
    }

    fn parse(path: PathBuf, text: &[u8]) -> Result<Self, UpdateError> {
        let Written {
            install_prefix: prefix,
            binaries,
        } = serde_json::from_slice(text).map_err(|error| unreadable(&path, error.to_string()))?;
        // They become paths below the folder.
        let outside = |name: &String| {
            name.is_empty() || name.contains(['/', '\\']) || name == "." || name == ".."
        };
        if let Some(name) = binaries.iter().find(|name| outside(name)) {
            return Err(unreadable(&path, format!("`{name}` is no program's name")));
        }
        Ok(Self {
            path,
            prefix,
            binaries,
        })
    }

    /// Whether `program` is one of those that were installed.
    pub(super) fn is_for(&self, program: &Program) -> bool {
        // A folder that is gone is nobody's.
        let same_folder = canonical(&self.prefix).is_ok_and(|prefix| prefix == program.folder());
        let name = program.path.file_name();
        same_folder
            && self
                .binaries
                .iter()
                .any(|known| name == Some(known.as_ref()))
    }

    /// What the installers take as the folder of everybody's settings.
    pub(super) fn config_home(&self) -> Option<&Path> {
        self.path.parent()?.parent()
    }
}

/// Where the installers write, the most likely place first.
fn candidates(environment: &Environment) -> Vec<PathBuf> {
    let path = |variable| environment.get(variable).map(PathBuf::from);
    let home = path("HOME").or_else(std::env::home_dir);
    let default = if cfg!(windows) {
        path("LOCALAPPDATA")
    } else {
        home.map(|home| home.join(".config"))
    };
    [path("XDG_CONFIG_HOME"), default]
        .into_iter()
        .flatten()
        .map(|folder| folder.join(APP).join(format!("{APP}-receipt.json")))
        .collect()
}

fn unreadable(path: &Path, reason: String) -> UpdateError {
    UpdateError::Receipt {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use semver::Version;

    use super::*;

    fn program(path: &Path) -> Program {
        Program {
            path: path.canonicalize().unwrap(),
            called_as: None,
            version: Version::new(4, 0, 0),
        }
    }

    fn write(home: &Path, folder: &str, receipt: &str) {
        let folder = home.join(folder).join(APP);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("mcp-mesh-receipt.json"), receipt).unwrap();
    }

    fn receipt(prefix: &Path) -> String {
        serde_json::json!({
            "install_prefix": prefix,
            "install_layout": "flat",
            "binaries": ["meshctl", "mcp-mesh-registry"],
            "version": "4.0.0",
        })
        .to_string()
    }

    #[test]
    fn the_receipt_for_this_program_is_preferred() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        for name in ["bin/meshctl", "other/meshctl", "bin/python3"] {
            fs::create_dir_all(home.join(name).parent().unwrap()).unwrap();
            fs::write(home.join(name), "").unwrap();
        }
        write(home, "xdg", &receipt(&home.join("other")));
        write(home, ".config", &receipt(&home.join("bin")));
        let environment = [
            ("HOME", home.display().to_string()),
            ("XDG_CONFIG_HOME", home.join("xdg").display().to_string()),
        ]
        .into_iter()
        .collect();
        let find = |name: &str| {
            let program = program(&home.join(name));
            let receipt = Receipt::find(&environment, &program).unwrap().unwrap();
            (receipt.is_for(&program), receipt.prefix)
        };
        assert_eq!(find("bin/meshctl"), (true, home.join("bin")));
        assert_eq!(find("other/meshctl"), (true, home.join("other")));
        // The folder is right, the program is not.
        assert_eq!(find("bin/python3"), (false, home.join("other")));
    }

    #[test]
    fn a_receipt_that_cannot_be_read_is_named() {
        let home = tempfile::tempdir().unwrap();
        let text = home.path().display().to_string();
        let environment = [("HOME", text.as_str())].into_iter().collect();
        let program = program(home.path());
        assert!(Receipt::find(&environment, &program).unwrap().is_none());
        for (wrong, reason) in [
            ("{", "EOF while parsing an object at line 1 column 1"),
            (
                r#"{"install_prefix":"/x","binaries":["../sh"]}"#,
                "`../sh` is no program's name",
            ),
        ] {
            write(home.path(), ".config", wrong);
            let error = Receipt::find(&environment, &program).unwrap_err();
            assert_eq!(
                error.to_string().replace(&text, ""),
                format!(
                    "cannot read the receipt `/.config/mcp-mesh/mcp-mesh-receipt.json`: {reason}"
                )
            );
        }
    }
}
