//! Every transformation notices when dist no longer writes what it replaces.

use super::super::rewrite::{Edit, Script, Transformation};
use super::super::{check, harden_powershell, harden_shell, powershell, sample, shell};
use super::project;
use crate::release::Checksums;

fn checksums() -> Checksums {
    sample::checksums().unwrap()
}

/// Each transformation with the script that it finds: what dist wrote, and what the earlier ones left.
fn each(recorded: &'static str, text: &str, all: impl Fn(&Script) -> Vec<Transformation>) {
    let project = project("4.0.0");
    let mut script = Script::new(text, recorded, &project).unwrap();
    for transformation in all(&script) {
        let before = script.text().to_owned();
        for edit in &transformation.edits {
            let first = match edit {
                Edit::Line { line, .. } => line,
                Edit::Block { first, .. } => *first,
            };
            let changed = before.replacen(&format!("\n{first}\n"), "\n: changed\n", 1);
            assert_ne!(changed, before, "`{first}` is not there");
            let mut changed = Script::new(&changed, recorded, &project).unwrap();
            let error = format!("{:#}", changed.apply(&transformation).unwrap_err());
            assert!(error.contains(transformation.name), "{error}");
            assert!(error.contains(first), "{error}");
        }
        script.apply(&transformation).unwrap();
        let again = format!("{:#}", script.apply(&transformation).unwrap_err());
        assert!(again.contains(transformation.name), "{again}");
    }
}

#[test]
fn each_change_to_the_shell_installer_finds_exactly_what_it_replaces() {
    let names: Vec<_> = checksums()
        .iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    each(
        shell::RECORDED,
        &sample::shell(&project("4.0.0")).unwrap(),
        |script| shell::transformations(script.facts(), &names),
    );
}

#[test]
fn each_change_to_the_powershell_installer_finds_exactly_what_it_replaces() {
    each(
        powershell::RECORDED,
        &sample::powershell(&project("4.0.0")).unwrap(),
        |script| powershell::transformations(script.facts(), &checksums()),
    );
}

#[test]
fn a_body_that_dist_changed_is_noticed_too() {
    let project = project("4.1.0");
    let text = sample::shell(&project).unwrap();
    for (inside, name) in [
        (
            "            if ! check_cmd sha256sum; then",
            "verified-downloads",
        ),
        (
            "        if ! downloader \"$_url\" \"$_file\"; then",
            "verified-downloads",
        ),
        (
            "        ensure mv \"$_install_temp/$_bin_name\" \"$_install_dir\"",
            "all-or-nothing",
        ),
        (
            "        ensure rm -f \"$_legacy_env_script_path\"",
            "profiles-of-others",
        ),
    ] {
        assert_eq!(text.matches(inside).count(), 1, "{inside}");
        let changed = text.replace(inside, "    : something new");
        let error = format!(
            "{:#}",
            harden_shell(&changed, &project, &checksums()).unwrap_err()
        );
        assert!(
            error.starts_with(&format!("`{name}` does not find what it replaces")),
            "{error}"
        );
        assert!(
            error.contains("dist writes `: something new` where it wrote"),
            "{error}"
        );
    }
}

#[test]
fn an_archive_without_its_checksum_is_refused() {
    let project = project("4.0.0");
    let name = "mcp-mesh-x86_64-unknown-linux-gnu.tar.gz";
    let hash = checksums().get(name).unwrap().to_owned();
    let text = sample::shell(&project).unwrap();
    let unverified = text.replace(&hash, "");
    let error = harden_shell(&unverified, &project, &checksums())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        format!("the installer has no checksum of `{name}`; dist needs the manifest with {hash}")
    );
    let more: Checksums = [("mcp-mesh-riscv64.tar.gz".to_owned(), hash)]
        .into_iter()
        .collect();
    let error = check(&text, &more).unwrap_err().to_string();
    assert_eq!(
        error,
        "the installer does not know the archive `mcp-mesh-riscv64.tar.gz`"
    );
    check(&text, &Checksums::default()).unwrap_err();
}

#[test]
fn the_powershell_installer_knows_the_checksums_of_its_archives() {
    let project = project("4.0.0");
    let text = harden_powershell(
        &sample::powershell(&project).unwrap(),
        &project,
        &checksums(),
    )
    .unwrap();
    for target in ["x86_64", "aarch64"] {
        let name = format!("mcp-mesh-{target}-pc-windows-msvc.zip");
        let hash = checksums().get(&name).unwrap().to_owned();
        assert!(text.contains(&format!("  '{name}' = '{hash}'\n")));
    }
}

#[test]
fn the_installers_leave_the_state_directory_alone() {
    let project = project("4.0.0");
    for text in [
        harden_shell(&sample::shell(&project).unwrap(), &project, &checksums()).unwrap(),
        harden_powershell(
            &sample::powershell(&project).unwrap(),
            &project,
            &checksums(),
        )
        .unwrap(),
    ] {
        assert!(!text.contains("MCP_MESH_HOME"));
        assert!(!text.contains("sudo"));
    }
}
