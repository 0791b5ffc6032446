//! What the images are, before anything runs for long: sizes, users, labels, versions.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::super::registries::{Api, Logins, Lookup, Repository, Transport};
use super::super::{Image, Platform};
use super::Trial;
use super::docker::Files;
use crate::release::channel::Proof;
use crate::release::target::Cpu;

/// What the registry's image may weigh on disk.
const REGISTRY_LIMIT: u64 = 25_000_000;

/// Where an image says what it is made of.
const DOCUMENTS: &str = "usr/share/doc/mcp-mesh";

/// Labels that somebody who finds an image asks for.
const LABELS: [&str; 7] = [
    "title",
    "description",
    "version",
    "revision",
    "created",
    "source",
    "licenses",
];

pub(super) fn check(trial: &Trial<'_>) -> anyhow::Result<Vec<Proof>> {
    let mut sizes = Vec::new();
    for image in Image::ALL {
        let reference = trial.reference(image)?;
        trial
            .docker
            .command(&["pull", "--quiet", "--platform"])
            .args([&trial.check.platform.to_string(), &reference])
            .output()?;
        let pulled = download(&reference, trial.check.platform)?;
        let files = trial.docker.files(&reference)?;
        is_as_promised(trial, image, &files)
            .with_context(|| format!("the image `{image}` is not as promised"))?;
        let unpacked = files.bytes;
        ensure!(
            image != Image::Registry || unpacked < REGISTRY_LIMIT,
            "the image `{image}` has {unpacked} bytes, and may have {REGISTRY_LIMIT}"
        );
        for name in documents(image) {
            let path = format!("{DOCUMENTS}/{name}");
            ensure!(
                files.paths.contains(&path),
                "the image `{image}` has no `/{path}`"
            );
        }
        sizes.push(format!(
            "{image} {} MB ({} MB to pull)",
            megabytes(unpacked),
            megabytes(pulled)
        ));
    }
    versions(trial)?;
    Ok(vec![
        Proof::new(
            "`registry --version`, `cli version`, `import mesh`: the version; labels; users 1001 and 999; \
             licence and bills of materials",
            trial.how("docker pull, inspect and run"),
        ),
        Proof::new(
            format!("sizes: {}", sizes.join(", ")),
            "docker export; the layers that the registry has",
        ),
    ])
}

/// The licence, and a bill of materials for each of our parts.
fn documents(image: Image) -> &'static [&'static str] {
    match image {
        Image::Registry => &["LICENSE", "mcp-mesh-registry.cdx.json"],
        Image::PythonRuntime => &["LICENSE", "mcp-mesh-python.cdx.json"],
        Image::Cli => &[
            "LICENSE",
            "meshctl.cdx.json",
            "mcp-mesh-registry.cdx.json",
            "mcp-mesh-python.cdx.json",
        ],
    }
}

/// The parts of an image's settings that we promise.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    #[serde(default)]
    user: String,
    entrypoint: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    volumes: Option<BTreeMap<String, serde_json::Value>>,
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
    env: Option<Vec<String>>,
    healthcheck: Option<serde_json::Value>,
}

fn is_as_promised(trial: &Trial<'_>, image: Image, files: &Files) -> anyhow::Result<()> {
    let machine = match trial.check.platform.cpu() {
        Cpu::Amd64 => object::elf::EM_X86_64,
        Cpu::Arm64 => object::elf::EM_AARCH64,
    };
    ensure!(!files.programs.is_empty(), "it holds no program");
    for (path, of) in &files.programs {
        ensure!(
            *of == machine.0,
            "`/{path}` is not for {}",
            trial.check.platform
        );
    }
    let settings: Settings =
        serde_json::from_str(&files.settings).context("docker describes it in an unknown way")?;
    let (user, program) = match image {
        Image::Registry => ("1001", "mcp-mesh-registry"),
        Image::PythonRuntime => ("999", "python"),
        Image::Cli => ("999", "meshctl"),
    };
    ensure!(
        settings.user.split(':').all(|part| part == user),
        "it runs as `{}`, expected {user}",
        settings.user
    );
    let entrypoint = settings.entrypoint.unwrap_or_default();
    let [first] = &entrypoint[..] else {
        bail!("its entrypoint is {entrypoint:?}, expected one program");
    };
    ensure!(
        first.rsplit('/').next() == Some(program),
        "its entrypoint is `{first}`, expected `{program}`"
    );
    ensure!(
        settings.healthcheck.is_some() || image == Image::Cli,
        "it has no HEALTHCHECK"
    );
    if image == Image::Registry {
        let volumes = settings.volumes.unwrap_or_default();
        ensure!(volumes.contains_key("/data"), "`/data` is no volume of it");
        let ports = settings.exposed_ports.unwrap_or_default();
        ensure!(ports.contains_key("8000/tcp"), "it does not expose 8000");
        let variables = settings.env.unwrap_or_default();
        let is_data = |line: &String| line.starts_with("DATABASE_URL=") && line.contains("/data/");
        ensure!(
            variables.iter().any(is_data),
            "its DATABASE_URL does not lie in `/data`: {variables:?}"
        );
    }
    labels(trial, &settings.labels.unwrap_or_default())
}

fn labels(trial: &Trial<'_>, labels: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let label = |name: &str| {
        labels
            .get(&format!("org.opencontainers.image.{name}"))
            .map_or("", String::as_str)
    };
    for name in LABELS {
        ensure!(
            !label(name).is_empty(),
            "its label `org.opencontainers.image.{name}` is empty"
        );
    }
    for (name, expected) in [
        ("version", trial.check.version.to_string()),
        ("source", trial.project.repository.clone()),
        ("licenses", trial.project.license.clone()),
    ] {
        ensure!(
            label(name) == expected,
            "its label `{name}` is `{}`, expected `{expected}`",
            label(name)
        );
    }
    crate::release::commit(label("revision"))
        .map_err(|problem| anyhow::anyhow!("its label `revision`: {problem}"))?;
    label("created")
        .parse::<jiff::Timestamp>()
        .with_context(|| format!("its label `created` is `{}`, no time", label("created")))?;
    Ok(())
}

fn versions(trial: &Trial<'_>) -> anyhow::Result<()> {
    let version = trial.check.version.pep440();
    let runs = |image: Image, options: &[&str], arguments: &[&str]| {
        let reference = trial.reference(image)?;
        trial
            .docker
            .run(&["--rm", "--read-only", "--network", "none"])
            .args(options)
            .arg(reference)
            .args(arguments)
            .output()
    };
    let said = runs(Image::Registry, &[], &["--version"])?;
    trial.says_version("`registry --version`", &said)?;
    let said = runs(Image::Cli, &[], &["version"])?;
    trial.says_version("`cli version`", &said)?;
    let said = runs(
        Image::Cli,
        &["--entrypoint", "mcp-mesh-registry"],
        &["--version"],
    )?;
    trial.says_version("the registry in `cli`", &said)?;
    let script = "import os, mesh, mcp_mesh; print(mcp_mesh.__version__, os.getuid(), os.getgid())";
    let expected = format!("{version} 999 999");
    for said in [
        runs(Image::PythonRuntime, &[], &["-c", script])?,
        runs(Image::Cli, &["--entrypoint", "python"], &["-c", script])?,
    ] {
        ensure!(
            said == expected,
            "Python says `{said}`, expected `{expected}`"
        );
    }
    Ok(())
}

/// An index of platforms, or the manifest of the only one.
#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Entry>,
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Option<EntryPlatform>,
}

#[derive(Deserialize)]
struct EntryPlatform {
    os: String,
    architecture: String,
}

#[derive(Deserialize)]
struct Layer {
    size: u64,
}

/// How many bytes a pull brings.
fn download(reference: &str, platform: Platform) -> anyhow::Result<u64> {
    let (name, at) = match reference.split_once('@') {
        Some(parts) => parts,
        None => reference.rsplit_once(':').unwrap_or((reference, "latest")),
    };
    let repository: Repository = name.parse()?;
    let logins = Logins::default();
    let api = Api::new(&repository, &logins, Transport::Usual);
    let read = |at: &str| match api.find(at)? {
        Lookup::Found(manifest) => Ok(manifest.bytes),
        other => bail!("`{at}` of {repository} is {other:?}, though docker pulled it"),
    };
    let parse = |bytes: Vec<u8>| -> anyhow::Result<Index> {
        serde_json::from_slice(&bytes)
            .with_context(|| format!("the manifest of `{reference}` is of an unknown kind"))
    };
    let mut manifest = parse(read(at)?)?;
    if manifest.layers.is_empty() {
        let is_ours = |entry: &&Entry| {
            let of = entry.platform.as_ref();
            of.is_some_and(|of| format!("{}/{}", of.os, of.architecture) == platform.to_string())
        };
        let entry = manifest
            .manifests
            .iter()
            .find(is_ours)
            .with_context(|| format!("`{reference}` has nothing for {platform}"))?;
        manifest = parse(read(&entry.digest)?)?;
    }
    Ok(manifest.layers.iter().map(|layer| layer.size).sum())
}

/// With one decimal.
fn megabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_as_people_compare_them() {
        assert_eq!(megabytes(9_876_543), "9.8");
        assert_eq!(megabytes(99_999), "0.0");
        assert_eq!(megabytes(125_000_000), "125.0");
    }
}
