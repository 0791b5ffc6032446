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

/// The functions that a script defines, in their order; a dash is before those that dist wrote as they are.
fn outline(hardened: &str, recorded: &str) -> String {
    let name = |line: &str| {
        let line = line.strip_prefix("function ").unwrap_or(line);
        let (name, rest) = line.split_once(['(', ' '])?;
        let defines = hardened.contains(&format!("function {name}")) || rest.starts_with(") {");
        (defines && !name.is_empty()).then(|| name.to_owned())
    };
    let body = |text: &str, first: &str| {
        let rest = text.split_once(&format!("\n{first}\n"))?.1;
        Some(rest.split_once("\n}\n")?.0.to_owned())
    };
    hardened
        .lines()
        .filter(|line| line.ends_with('{') && !line.starts_with(' '))
        .filter_map(|line| {
            let same = body(recorded, line) == body(hardened, line);
            Some(format!(
                "{} {}\n",
                if same { "-" } else { "+" },
                name(line)?
            ))
        })
        .collect()
}

#[test]
fn the_shell_installer_consists_of() {
    let project = project("4.0.0");
    let text = harden_shell(&sample::shell(&project).unwrap(), &project, &checksums()).unwrap();
    insta::assert_snapshot!(outline(&text, shell::RECORDED), @r"
    - has_local
    + is_on
    - get_home
    - is_windows_posix
    - get_home_expression
    + usage
    + download_binary_and_run_installer
    + replace_home
    + select_archive_for_arch
    + check_glibc
    + err_platform
    + install
    - check_for_shadowed_bins
    - print_home_for_script
    - add_install_dir_to_ci_path
    + warn_unwritable
    + add_install_dir_to_path
    - shotgun_install_dir_to_path
    - write_env_script_sh
    - write_env_script_fish
    - get_current_exe
    - get_bitness
    - is_host_amd64_elf
    - get_endianness
    - check_loongarch_uapi
    - ensure_loongarch_uapi
    + get_architecture
    - say
    - say_verbose
    + err
    + warn
    + complain
    - need_cmd
    - check_cmd
    - assert_nz
    - ensure
    - ignore
    + find_downloader
    + download
    + path_of
    + download_with_curl
    + download_with_wget
    + settle_token
    + may_know_token
    + err_download
    + find_sha256
    + sha256_of
    + verify_checksum
    + require_checksum
    + begin
    + read_arguments
    + want_version
    + choose_only
    + chosen_binaries
    + settle_folders
    + absolute
    + open_work_dir
    + clean_up
    + follow_wanted_version
    + newest_of_line
    + err_unknown_version
    + list_versions
    + hand_over
    + json_text
    + receipt_text
    + receipt_binaries
    + stage_receipt
    + fill_receipt
    + place_binaries
    + open_install_dir
    + unpack
    + swap_binaries
    + swap_back
    + uninstall
    + leave_profiles
    + forget_line
    ");
}

#[test]
fn the_powershell_installer_consists_of() {
    let project = project("4.0.0");
    let text = harden_powershell(
        &sample::powershell(&project).unwrap(),
        &project,
        &checksums(),
    )
    .unwrap();
    insta::assert_snapshot!(outline(&text, powershell::RECORDED), @r"
    + Test-On
    + Install-Binary
    - Get-TargetTriple
    - Get-Arch
    - WebProxyFromUrl
    - WebProxyFromEnvironment
    - Get-ExceptionMessage
    - Invoke-DownloadFile
    + Test-TokenBelongs
    + Get-ReleaseFile
    + Confirm-Checksum
    + Find-InstallFolder
    + Test-Chosen
    + Install-Archive
    + Write-Receipt
    + Read-Receipt
    + Switch-Binaries
    + Get-PublishedVersions
    + Find-NewestOfLine
    + Invoke-WantedInstaller
    + Remove-Installation
    + Remove-Path
    + Show-Help
    - Add-Ci-Path
    - Add-Path
    - Initialize-Environment
    - New-Temp-Dir
    ");
}
