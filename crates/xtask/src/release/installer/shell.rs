//! What dist's shell installer leaves weak, mended.

use super::rewrite::{Edit, Facts, Transformation};

/// The script that the transformations were made for.
pub(super) const RECORDED: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/recorded/mcp-mesh-installer.sh"
));

/// A file of shell functions, without the line that tells shellcheck its dialect.
macro_rules! fragment {
    ($name:literal) => {
        include_str!(concat!("shell/", $name, ".sh"))
            .strip_prefix("# shellcheck shell=dash\n")
            .expect("every fragment starts with its dialect")
    };
}

/// Every change to the script, in the order in which they are made. `archives` are the archives that the
/// script chooses from.
pub(super) fn transformations(facts: &Facts, archives: &[String]) -> Vec<Transformation> {
    vec![
        Transformation {
            name: "other-shells",
            edits: vec![Edit::block(
                "has_local() {",
                "has_local 2>/dev/null || alias local=typeset",
                fragment!("other_shells"),
            )],
        },
        Transformation {
            name: "release-addresses",
            edits: release_addresses(facts, archives),
        },
        Transformation {
            name: "switches-that-can-be-off",
            edits: vec![Edit::block(
                r#"if [ -n "${MCP_MESH_NO_MODIFY_PATH:-}" ]; then"#,
                r#"AUTH_TOKEN="${MCP_MESH_GITHUB_TOKEN:-}""#,
                fragment!("switches"),
            )],
        },
        Transformation {
            name: "arguments",
            edits: vec![
                Edit::block("usage() {", "}", fragment!("usage")),
                Edit::block("    downloader --check", "    done", r#"    begin "$@""#),
            ],
        },
        Transformation {
            name: "verified-downloads",
            edits: verified_downloads(),
        },
        Transformation {
            name: "all-or-nothing",
            edits: all_or_nothing(),
        },
        Transformation {
            name: "profiles-of-others",
            edits: profiles_of_others(),
        },
        Transformation {
            name: "platforms",
            edits: platforms(),
        },
        Transformation {
            name: "errors-are-shown",
            edits: vec![
                Edit::block("warn() {", "}", ""),
                Edit::block("err() {", "}", fragment!("err")),
            ],
        },
    ]
}

/// Mirrors, enterprise hosts and github.com, once; `--version` needs the list of releases too.
fn release_addresses(facts: &Facts, archives: &[String]) -> Vec<Edit> {
    let version = format!("APP_VERSION=\"{}\"", facts.version());
    let platforms: Vec<_> = archives.iter().map(|name| platform_of(name)).collect();
    let ours = format!(
        "{version}\nAPP_REPOSITORY=\"{}\"\nAPP_PLATFORMS=\"{}\"",
        facts.repository(),
        platforms.join(" ")
    );
    vec![
        Edit::line(version, ours),
        Edit::block(
            r#"if [ -n "${MCP_MESH_DOWNLOAD_URL:-}" ]; then"#,
            "fi",
            fragment!("addresses"),
        ),
    ]
}

/// `x86_64-unknown-linux-gnu` of its archive's name.
fn platform_of(archive: &str) -> &str {
    let stem = archive.strip_prefix("mcp-mesh-").unwrap_or(archive);
    stem.trim_end_matches(".tar.gz").trim_end_matches(".zip")
}

/// Nothing is used that has no checksum or another one; a token reaches nobody else.
fn verified_downloads() -> Vec<Edit> {
    vec![
        Edit::block("downloader() {", "}", fragment!("download")),
        Edit::block("verify_checksum() {", "}", fragment!("checksum")),
        Edit::block(
            "    # Replace the placeholder binaries with the calculated array from above",
            r#"    return "$_retval""#,
            r#"    require_checksum "$_artifact_name" "${_checksum_style:-}" "${_checksum_value:-}"
    install "$_artifact_name" "$_checksum_value" "$(chosen_binaries "$_bins")""#,
        ),
        Edit::line(
            "download_binary_and_run_installer() {",
            "# shellcheck disable=SC2034  # libraries, updaters and aliases are dist's; we ship none\n\
             download_binary_and_run_installer() {",
        ),
    ]
}

/// The old installation stays whole until the new one is, and the receipt says what is there.
fn all_or_nothing() -> Vec<Edit> {
    let ours = [
        fragment!("begin"),
        fragment!("arguments"),
        fragment!("folders"),
        fragment!("cleanup"),
        fragment!("versions"),
        fragment!("receipt"),
        fragment!("place"),
        fragment!("uninstall"),
    ]
    .join("\n");
    let start = r#"download_binary_and_run_installer "$@" || exit 1"#;
    vec![
        Edit::block(
            "    # Replace the temporary cargo home with the calculated one",
            r#"    ignore rm -rf "$_install_temp" "$_lib_install_temp""#,
            r#"    local _bins="$3"
    place_binaries "$_install_dir" "$_receipt_install_dir" "$_install_layout" "$@""#,
        ),
        Edit::block(
            r#"    if [ -z "$_install_dir_expr" ]; then"#,
            "    fi",
            r#"    if [ -z "${_install_dir:-}" ]; then
        err "there is no home folder to install into; set HOME, or MCP_MESH_INSTALL_DIR to a folder. Nothing was changed."
    fi"#,
        ),
        Edit::line(
            "# shellcheck disable=SC2016",
            "# shellcheck disable=SC2016,SC2034  # libraries and older layouts are dist's; we have none",
        ),
        Edit::block("json_binary_aliases() {", "}", ""),
        Edit::block("aliases_for_binary() {", "}", ""),
        Edit::block("replace_home() {", "}", fragment!("replace_home")),
        Edit::line(start, format!("{ours}\n{start}")),
    ]
}

/// Installers of older dists kept their scripts beside the binaries, and the current one moves them. Ours
/// never did, so what it would find there belongs to another program. A profile that cannot be written is
/// no reason to fail: the binaries are in place.
fn profiles_of_others() -> Vec<Edit> {
    vec![
        Edit::block(
            r#"        if [ "$NO_MODIFY_PATH" = "0" ] ||"#,
            "        fi",
            r#"        if [ "$NO_MODIFY_PATH" = "0" ]; then
            mkdir -p "$RECEIPT_HOME" 2>/dev/null || :
        fi"#,
        ),
        Edit::line(
            r#"        ensure mkdir -p "$INFERRED_HOME/.config/fish/conf.d""#,
            r#"        mkdir -p "$INFERRED_HOME/.config/fish/conf.d" 2>/dev/null || :"#,
        ),
        Edit::block(
            "        # Add the env script if it doesn't already exist",
            "        fi",
            fragment!("env_script"),
        ),
        Edit::block(
            "                # prepend an extra newline in case the user's file is missing a trailing one",
            "                return 1",
            fragment!("append"),
        ),
        Edit::line(
            "add_install_dir_to_path() {",
            [fragment!("profiles"), "add_install_dir_to_path() {"].join("\n"),
        ),
        // A plain sh knows no `source`.
        Edit::line(
            r#"            say "    source $_env_script_path_expr (sh, bash, zsh)""#,
            r#"            say "    . \"$_env_script_path_expr\" (sh, bash, zsh)""#,
        ),
        Edit::line(
            r#"            say "    source $_fish_env_script_path_expr (fish)""#,
            r#"            say "    source \"$_fish_env_script_path_expr\" (fish)""#,
        ),
        Edit::block("migrate_legacy_env_scripts() {", "}", ""),
        Edit::block("is_dist_env_script_sh() {", "}", ""),
        Edit::block("is_dist_env_script_fish() {", "}", ""),
        Edit::block("migrate_legacy_source_lines() {", "}", ""),
        Edit::block("replace_source_line_in_file() {", "}", ""),
    ]
}

/// Whoever has no build is told which there are, whoever gets another one that it is another.
fn platforms() -> Vec<Edit> {
    vec![
        Edit::block(
            "check_glibc() {",
            "}",
            [fragment!("glibc"), fragment!("platform")].join("\n"),
        ),
        Edit::line(
            r#"            err "unrecognized OS type: $_ostype""#,
            r#"            err_platform "$_ostype""#,
        ),
        Edit::line(
            r#"            err "unknown CPU type: $_cputype""#,
            r#"            err_platform "$_cputype""#,
        ),
        Edit::line(
            r#"            err "there isn't a download for your platform $_true_arch""#,
            r#"            err_platform "$_true_arch""#,
        ),
        Edit::line(
            r#"    err "no compatible downloads were found for your platform $_true_arch""#,
            r#"    err_platform "$_true_arch""#,
        ),
    ]
}
