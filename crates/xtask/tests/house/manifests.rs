//! Versions and features stand in one place.

use toml::{Table, Value};

use crate::tree;

fn manifest(path: &str) -> Table {
    tree::text(path)
        .expect("a manifest is text")
        .parse()
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn crate_manifests() -> Vec<String> {
    tree::files()
        .into_iter()
        .filter(|path| path.starts_with("crates/") && path.ends_with("/Cargo.toml"))
        .collect()
}

#[test]
fn only_the_workspace_holds_a_version() {
    let inherited = ["version", "edition", "rust-version", "license"];
    let broken: Vec<_> = crate_manifests()
        .iter()
        .flat_map(|path| {
            let table = manifest(path);
            inherited
                .into_iter()
                .filter(|key| !inherits(&table["package"][*key]))
                .map(|key| format!("{path}: write `{key}.workspace = true`"))
                .collect::<Vec<_>>()
        })
        .collect();
    tree::assert_none(&broken);
}

#[test]
fn only_the_workspace_decides_on_dependencies() {
    let mut broken = Vec::new();
    for path in crate_manifests() {
        for (kind, dependencies) in dependency_tables(&manifest(&path)) {
            for (name, value) in &dependencies {
                if !inherits(value) {
                    broken.push(format!(
                        "{path}: [{kind}] {name}: decide its version in the workspace, write `{name}.workspace = true`"
                    ));
                } else if value.get("features").is_some() {
                    broken.push(format!(
                        "{path}: [{kind}] {name}: its features belong into the workspace, or one crate's build rebuilds another's dependencies"
                    ));
                }
            }
        }
    }
    tree::assert_none(&broken);
}

#[test]
fn every_crate_follows_the_lints_of_the_workspace() {
    let broken: Vec<_> = crate_manifests()
        .iter()
        .filter(|path| !manifest(path).get("lints").is_some_and(inherits))
        .map(|path| format!("{path}: write `[lints]` with `workspace = true`"))
        .collect();
    tree::assert_none(&broken);
}

/// The Python package takes its version from Cargo.
#[test]
fn no_other_file_holds_the_version() {
    let workspace = manifest("Cargo.toml");
    let version = workspace["workspace"]["package"]["version"]
        .as_str()
        .expect("the workspace has a version");
    let broken: Vec<_> = tree::files()
        .into_iter()
        .filter(|path| path.ends_with("pyproject.toml"))
        .filter(|path| {
            manifest(path)
                .get("project")
                .is_some_and(|project| project.get("version").is_some())
        })
        .chain(
            tree::files()
                .into_iter()
                .filter(|path| tree::has_extension(path, &["py"]) && !path.contains("/tests/"))
                .filter(|path| {
                    tree::text(path)
                        .unwrap_or_default()
                        .contains(&format!("__version__ = \"{version}\""))
                }),
        )
        .map(|path| format!("{path}: take the version from the native module or the metadata"))
        .collect();
    tree::assert_none(&broken);
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// All dependency tables of a manifest, those of `[target.…]` included.
fn dependency_tables(manifest: &Table) -> Vec<(String, Table)> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let of = |prefix: &str, table: &Table| {
        KINDS
            .iter()
            .filter_map(|kind| {
                let dependencies = table.get(*kind)?.as_table()?.clone();
                Some((format!("{prefix}{kind}"), dependencies))
            })
            .collect::<Vec<_>>()
    };
    let mut tables = of("", manifest);
    if let Some(targets) = manifest.get("target").and_then(Value::as_table) {
        for (target, table) in targets {
            if let Some(table) = table.as_table() {
                tables.extend(of(&format!("target.{target}."), table));
            }
        }
    }
    tables
}
