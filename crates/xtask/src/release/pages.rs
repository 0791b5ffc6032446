//! Man pages and shell completions of both commands, from the definitions that parse their arguments.

use std::path::PathBuf;

use anyhow::Context;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::roff::{Roff, roman};

use super::archive::{Files, Mode};
use super::{Project, ReleaseVersion};

/// Write man pages and shell completions
#[derive(Debug, clap::Args)]
pub(crate) struct PagesArgs {
    /// The folder that gets `man/` and `completions/`
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) fn run(args: &PagesArgs) -> anyhow::Result<()> {
    let project = Project::load(crate::root::checkout())?;
    let pages = Pages::render(&project.version)?;
    pages.man.write_into(&args.out.join("man"))?;
    pages.completions.write_into(&args.out.join("completions"))
}

/// The pages of one version, by file name.
#[derive(Debug)]
pub(crate) struct Pages {
    /// `meshctl.1`, `meshctl-start.1`, …
    pub(crate) man: Files,
    /// `meshctl.bash`, `_meshctl`, …
    pub(crate) completions: Files,
}

impl Pages {
    pub(crate) fn render(version: &ReleaseVersion) -> anyhow::Result<Self> {
        let mut pages = Self {
            man: Files::default(),
            completions: Files::default(),
        };
        // clap keeps texts for as long as the program runs, and this one renders once.
        let number: &str = version.to_string().leak();
        for command in [meshctl::command(), mesh_registry::cli::command()] {
            // The program says it in its own words; a page wants the number alone.
            let mut command = command.version(number).disable_help_subcommand(true);
            command.build();
            pages.add_completions(&command);
            pages.add_man(&command, version)?;
        }
        Ok(pages)
    }

    fn add_completions(&mut self, command: &Command) {
        let name = command.get_name().to_owned();
        for (shell, file) in [
            (Shell::Bash, format!("{name}.bash")),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
            (Shell::PowerShell, format!("{name}.ps1")),
        ] {
            let script = if name == "meshctl" {
                // Of its own, which also knows the agents and tools that are there.
                meshctl::completion_script(shell)
            } else {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut command.clone(), &name, &mut script);
                script
            };
            self.completions.insert(file, Mode::Data, script);
        }
    }

    fn add_man(&mut self, command: &Command, version: &ReleaseVersion) -> anyhow::Result<()> {
        // A page has its examples below a heading of their own, line by line.
        let body = command.clone().after_help(None).after_long_help(None);
        let page = clap_mangen::Man::new(body)
            .source(format!("mcp-mesh {version}"))
            .manual("MCP Mesh");
        let file = page.get_filename();
        let mut text = Vec::new();
        page.render(&mut text)
            .and_then(|()| closing(command).to_writer(&mut text))
            .with_context(|| format!("failed to render `{file}`"))?;
        self.man.insert(file, Mode::Data, text);
        for child in command
            .get_subcommands()
            .filter(|child| !child.is_hide_set())
        {
            self.add_man(child, version)?;
        }
        Ok(())
    }
}

/// What the help of `command` ends with, as examples: a title, and lines below it.
fn closing(command: &Command) -> Roff {
    let mut section = Roff::new();
    let help = command
        .get_after_long_help()
        .or_else(|| command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    if let Some((title, lines)) = help.split_once(":\n") {
        section
            .control("SH", [title.to_uppercase().as_str()])
            .control("nf", []);
        for line in lines.lines() {
            section.text([roman(line.trim_start())]);
        }
        section.control("fi", []);
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render() -> Pages {
        Pages::render(&"4.1.2".parse().unwrap()).unwrap()
    }

    fn text<'a>(files: &'a Files, name: &str) -> &'a str {
        let (_, _, bytes) = files
            .iter()
            .find(|(path, _, _)| *path == name)
            .unwrap_or_else(|| panic!("no `{name}`"));
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_command_has_a_page_that_names_its_version() {
        let pages = render();
        for (name, says) in [
            ("meshctl.1", "meshctl\\-start(1)"),
            ("meshctl-start.1", "meshctl start"),
            ("mcp-mesh-registry.1", "\\-\\-log\\-format"),
        ] {
            let page = text(&pages.man, name);
            assert!(page.contains(says), "{page}");
            assert!(page.contains("\"mcp-mesh 4.1.2\""), "{page}");
        }
    }

    #[test]
    fn no_page_documents_the_help_of_the_help() {
        let pages = render();
        let names: Vec<_> = pages.man.iter().map(|(name, ..)| name.to_owned()).collect();
        assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    }

    #[test]
    fn each_shell_completes_both_commands() {
        let pages = render();
        let names: Vec<_> = pages.completions.iter().map(|(name, ..)| name).collect();
        assert_eq!(
            names,
            [
                "_mcp-mesh-registry",
                "_meshctl",
                "mcp-mesh-registry.bash",
                "mcp-mesh-registry.fish",
                "mcp-mesh-registry.ps1",
                "meshctl.bash",
                "meshctl.fish",
                "meshctl.ps1",
            ]
        );
        assert!(text(&pages.completions, "_meshctl").starts_with("#compdef meshctl"));
        assert!(text(&pages.completions, "mcp-mesh-registry.bash").contains("--port"));
    }

    #[test]
    fn what_meshctl_completes_is_asked_of_it() {
        let pages = render();
        for file in ["meshctl.bash", "_meshctl", "meshctl.fish", "meshctl.ps1"] {
            let script = text(&pages.completions, file);
            assert!(script.contains("meshctl __complete"), "{file}: {script}");
        }
    }

    #[test]
    fn examples_keep_their_lines() {
        let pages = render();
        let page = text(&pages.man, "meshctl-status.1");
        let (_, examples) = page.split_once(".SH EXAMPLES\n.nf\n").expect("examples");
        assert!(examples.starts_with("meshctl status "), "{page}");
        assert!(!page.contains(".SH EXTRA"), "{page}");
    }
}
