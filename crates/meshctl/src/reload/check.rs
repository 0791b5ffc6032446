//! Compiling what changed before anything is ended.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::timeout;

/// Compiles the files that it is given, keeps nothing of it, and shows the first mistake.
const COMPILE: &str = "
import sys, traceback
for path in sys.argv[1:]:
    try:
        with open(path, 'rb') as file:
            compile(file.read(), path, 'exec', dont_inherit=True)
    except (SyntaxError, ValueError) as mistake:
        sys.exit(''.join(traceback.format_exception_only(type(mistake), mistake)))
    except OSError:
        pass
";
/// What takes longer proves nothing any more.
const PATIENCE: Duration = Duration::from_mins(2);
/// How many lines of a mistake are shown.
const LINES: usize = 40;

/// How changed sources are compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Check {
    /// Nobody wants it.
    Off,
    /// By the agent's interpreter.
    Python(PathBuf),
    /// By Maven in this folder, without the network.
    Maven {
        /// The program.
        maven: PathBuf,
        /// Where the `pom.xml` is.
        folder: PathBuf,
    },
}

impl Check {
    /// Compiles what is in `changed`; the mistake as the compiler tells it.
    pub(super) async fn refuse(&self, changed: &[PathBuf]) -> Option<String> {
        let mut command = match self {
            Self::Off => return None,
            Self::Python(interpreter) => {
                let is_module = |path: &&PathBuf| path.extension().is_some_and(|end| end == "py");
                let modules: Vec<&PathBuf> = changed.iter().filter(is_module).collect();
                if modules.is_empty() {
                    return None;
                }
                let mut command = Command::new(interpreter);
                // Isolated and without site-packages: a compiler and nothing else.
                command.args(["-I", "-S", "-W", "ignore", "-c", COMPILE]);
                command.args(modules);
                command
            }
            Self::Maven { maven, folder } => compile(maven, folder),
        };
        let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
        // A compiler that cannot be asked is no reason to keep the old code.
        let Ok(Ok(output)) = timeout(PATIENCE, running).await else {
            return None;
        };
        if output.status.success() {
            return None;
        }
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        let lines: Vec<&str> = told.lines().take(LINES).collect();
        Some(lines.join("\n"))
    }
}

fn compile(maven: &Path, folder: &Path) -> Command {
    let mut command = Command::new(maven);
    command.args(["compile", "-q", "-o"]).current_dir(folder);
    command
}
