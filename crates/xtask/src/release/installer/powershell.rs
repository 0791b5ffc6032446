//! What dist's PowerShell installer leaves weak, mended.

use std::fmt::Write as _;

use super::rewrite::{Edit, Facts, Transformation};
use crate::release::Checksums;

/// The script that the transformations were made for.
pub(super) const RECORDED: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/recorded/mcp-mesh-installer.ps1"
));

macro_rules! fragment {
    ($name:literal) => {
        include_str!(concat!("powershell/", $name, ".ps1"))
    };
}

/// Every change to the script, in the order in which they are made. `archives` are those that the script
/// chooses from.
pub(super) fn transformations(facts: &Facts, archives: &Checksums) -> Vec<Transformation> {
    vec![
        Transformation {
            name: "parameters",
            edits: vec![
                Edit::block(".PARAMETER NoModifyPath", ")", fragment!("parameters")),
                Edit::block(
                    "  if ($Help) {",
                    "  Initialize-Environment",
                    fragment!("begin"),
                ),
                Edit::block(
                    "# PSScriptAnalyzer doesn't like how we use our params as globals, this calms it",
                    "$Null = $ArtifactDownloadUrls, $NoModifyPath, $Help",
                    "# PSScriptAnalyzer doesn't like how we use our params as globals, this calms it\n\
                     $Null = $NoModifyPath, $Help, $Uninstall",
                ),
            ],
        },
        Transformation {
            name: "release-addresses",
            edits: release_addresses(facts),
        },
        Transformation {
            name: "switches-that-can-be-off",
            edits: vec![Edit::block(
                "if ($env:MCP_MESH_DISABLE_UPDATE) {",
                "$unmanaged_install = $env:MCP_MESH_UNMANAGED_INSTALL",
                fragment!("switches"),
            )],
        },
        Transformation {
            name: "verified-downloads",
            edits: verified_downloads(archives),
        },
        Transformation {
            name: "all-or-nothing",
            edits: all_or_nothing(),
        },
    ]
}

/// Mirrors, enterprise hosts and github.com, once; `-Version` needs the list of releases too.
fn release_addresses(facts: &Facts) -> Vec<Edit> {
    let version = format!("$app_version = '{}'", facts.version());
    let ours = format!("{version}\n$app_repository = '{}'", facts.repository());
    vec![
        Edit::line(version, ours),
        Edit::block(
            "if ($env:MCP_MESH_DOWNLOAD_URL) {",
            "$auth_token = $env:MCP_MESH_GITHUB_TOKEN",
            fragment!("addresses"),
        ),
    ]
}

/// Nothing is used that has another checksum than the one in here; a token reaches nobody else.
fn verified_downloads(archives: &Checksums) -> Vec<Edit> {
    let mut table = "# The SHA-256 of every archive.\n$checksums = @{\n".to_owned();
    for (name, hash) in archives.iter() {
        let _ = writeln!(table, "  '{name}' = '{hash}'"); // A String never refuses.
    }
    table.push_str("}\n");
    vec![
        Edit::block(
            "function Download($download_url, $platforms, $arch) {",
            "}",
            [table.as_str(), fragment!("download")].join("\n"),
        ),
        Edit::block(
            r#"  Write-Information "downloading $app_name $app_version ($arch)""#,
            "}",
            "  Install-Archive $platforms[$arch]\n}",
        ),
    ]
}

/// The old installation stays whole until the new one is, and the receipt says what is there.
fn all_or_nothing() -> Vec<Edit> {
    let ours = [
        fragment!("place"),
        fragment!("versions"),
        fragment!("uninstall"),
        fragment!("help"),
    ]
    .join("\n");
    vec![
        Edit::block(
            "function Invoke-Installer($artifacts, $platforms) {",
            "  $info = $platforms[$arch]",
            "# Where to install: `dest`, which the receipt calls `prefix`, and its `layout`.\n\
             function Find-InstallFolder() {",
        ),
        Edit::block(
            "  # The replace call here ensures proper escaping is inlined into the receipt",
            "}",
            format!(
                "  return @{{ 'dest' = $dest_dir; 'prefix' = $receipt_dest_dir; 'layout' = $install_layout }}\n}}\n\n{ours}"
            ),
        ),
    ]
}
