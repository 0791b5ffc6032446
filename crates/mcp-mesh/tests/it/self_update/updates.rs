//! Updates that happen.

use std::fs;

use mesh_core::env::EnvVars;
use meshctl::self_update::{Event, INSTALLER, Outcome};

use super::stand::{NEW, OLD, Stand, archive, contents, says, version};

#[test]
fn the_newest_release_replaces_both_programs_once() {
    let mut stand = Stand::new();
    stand.publish(OLD);
    stand.publish(NEW);
    stand.publish("1.2.0-rc.1");
    let (outcome, events) = stand.update_and_report("latest");
    assert_eq!(
        outcome.unwrap(),
        Outcome::Updated {
            from: version(OLD),
            to: version(NEW),
            folder: stand.updater.program.path.parent().unwrap().to_owned(),
        }
    );
    assert_eq!(
        contents(&stand.bin()),
        [says("meshctl", NEW), says("mcp-mesh-registry", NEW)]
    );
    let receipt: serde_json::Value =
        serde_json::from_slice(&fs::read(stand.receipt()).unwrap()).unwrap();
    assert_eq!(receipt["version"], NEW);
    assert_eq!(receipt["modify_path"], false);

    let found = Event::Found {
        from: version(OLD),
        to: version(NEW),
    };
    assert_eq!(events.first(), Some(&found));
    assert_eq!(events.last(), Some(&Event::Installing));
    let loaded = |wanted: &str| {
        events
            .iter()
            .any(|event| matches!(event, Event::Downloading { name, .. } if name == wanted))
    };
    assert!(loaded(INSTALLER) && loaded(&archive()), "{events:?}");

    let mut left: Vec<_> = fs::read_dir(stand.bin())
        .unwrap()
        .chain(fs::read_dir(stand.home()).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let expected = [
        "bin",
        "config",
        "hub",
        "mcp-mesh-registry",
        "meshctl",
        "state",
    ];
    assert_eq!(left, expected, "nothing else, no profile of a shell either");

    stand.updater.program.version = version(NEW);
    assert_eq!(
        stand.update("latest").unwrap(),
        Outcome::Current {
            current: version(NEW),
            found: version(NEW)
        }
    );
}

#[test]
fn an_older_release_comes_only_when_it_is_named() {
    let mut stand = Stand::new();
    stand.publish("0.9.1");
    stand.publish("0.9.0");
    let stays = stand.update("latest").unwrap();
    assert_eq!(
        stays,
        Outcome::Current {
            current: version(OLD),
            found: version("0.9.1")
        }
    );
    assert!(matches!(stand.update("0.9.0"), Ok(Outcome::Updated { .. })));
    assert_eq!(contents(&stand.bin())[0], says("meshctl", "0.9.0"));
    stand.updater.program.version = version("0.9.0");
    assert!(matches!(stand.update("0.9"), Ok(Outcome::Updated { .. })));
    assert_eq!(contents(&stand.bin())[0], says("meshctl", "0.9.1"));
}

#[test]
fn no_network_is_needed_where_the_files_are() {
    let mut stand = Stand::new();
    stand.publish(NEW);
    let folder = format!("file://{}", stand.assets(NEW).display());
    stand.set(EnvVars::MCP_MESH_DOWNLOAD_URL, &folder);
    assert!(matches!(stand.update(NEW), Ok(Outcome::Updated { .. })));
    assert_eq!(contents(&stand.bin())[0], says("meshctl", NEW));
    assert_eq!(stand.hub.requests(), []);
}

#[test]
fn a_folder_of_files_serves_a_named_version() {
    let mut stand = Stand::new();
    stand.publish(NEW);
    let mirror = format!(
        "{}/any/repository/releases/download/v{NEW}",
        stand.hub.base_url()
    );
    stand.set(EnvVars::MCP_MESH_DOWNLOAD_URL, &mirror);
    insta::assert_snapshot!(stand.failure("latest"), @r"
    `MCP_MESH_DOWNLOAD_URL` is set, but not which version it holds
    Hint: say it with `--version`, as in `--version 4.1.0`, or unset `MCP_MESH_DOWNLOAD_URL`
    ");
    insta::assert_snapshot!(stand.failure("1.1.1"), @r"
    the signature of release 1.1.1 was made for another one: `mcp-mesh v1.1.0`
    Hint: nothing was run or changed; somebody may have tampered with the download, so report it if it happens again
    ");
    assert!(matches!(stand.update(NEW), Ok(Outcome::Updated { .. })));
    assert_eq!(contents(&stand.bin())[0], says("meshctl", NEW));
}

#[test]
fn the_installer_is_told_what_was_installed_and_where() {
    let stand = Stand::new();
    stand.write_receipt(&stand.bin(), &["meshctl"]);
    stand.pack(NEW, |name| says(name, NEW));
    let told = stand.home().join("told");
    let installer = format!(
        "#!/bin/sh
         set -eu
         env | grep -E '^(MCP_MESH|CARGO_DIST|XDG_CONFIG)' | sort > '{}'
         ls \"${{MCP_MESH_DOWNLOAD_URL#file://}}\" > '{}.files'
         tar -xf \"${{MCP_MESH_DOWNLOAD_URL#file://}}/{}\" --strip-components 1 -C \"$MCP_MESH_INSTALL_DIR\"
        ",
        told.display(),
        told.display(),
        archive(),
    );
    stand.publish_installer(NEW, &installer);
    assert!(matches!(
        stand.update("latest"),
        Ok(Outcome::Updated { .. })
    ));
    let text = fs::read_to_string(&told).unwrap();
    let (variables, folder): (Vec<_>, Vec<_>) = text
        .lines()
        .partition(|line| !line.starts_with(EnvVars::MCP_MESH_DOWNLOAD_URL));
    insta::assert_snapshot!(stand.filtered(&variables.join("\n")), @r"
    CARGO_DIST_FORCE_INSTALL_DIR=[HOME]/bin
    MCP_MESH_INSTALL_DIR=[HOME]/bin
    MCP_MESH_INSTALL_ONLY=meshctl
    MCP_MESH_NO_MODIFY_PATH=1
    XDG_CONFIG_HOME=[HOME]/config
    ");
    let (_, folder) = folder[0].split_once("=file://").unwrap();
    assert!(
        !std::path::Path::new(folder).exists(),
        "{folder} is left over"
    );
    let mut files: Vec<_> = fs::read_to_string(stand.home().join("told.files"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    files.sort();
    let mut expected = [archive(), INSTALLER.to_owned()];
    expected.sort();
    assert_eq!(files, expected);
}
