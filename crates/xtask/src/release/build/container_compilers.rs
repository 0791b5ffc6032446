//! `Cross.toml`, which contributors with Docker compile foreign targets with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;

use super::PUBLIC_KEY;
use crate::release::Target;
use crate::release::target::Os;
use crate::root;

/// What cross reads of it; a key that is not listed here is a mistake that cross only warns of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    build: Build,
    target: BTreeMap<String, Container>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Build {
    env: Environment,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Environment {
    passthrough: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Container {
    image: String,
}

fn config() -> Config {
    let text = fs::read_to_string(root::checkout().join("Cross.toml")).expect("Cross.toml");
    toml::from_str(&text).expect("what cross reads")
}

#[test]
fn every_linux_target_has_one_container_of_one_fixed_version() {
    let config = config();
    let linux: BTreeSet<_> = Target::ALL
        .into_iter()
        .filter(|target| target.os == Os::Linux)
        .map(Target::triple)
        .collect();
    let named: BTreeSet<_> = config.target.keys().map(String::as_str).collect();
    assert_eq!(named, linux);

    let mut versions = BTreeSet::new();
    for (triple, container) in &config.target {
        let (name, version) = container.image.rsplit_once(':').expect("a fixed version");
        assert_eq!(name.rsplit('/').next(), Some(triple.as_str()));
        version
            .parse::<semver::Version>()
            .unwrap_or_else(|error| panic!("`{}`: {error}", container.image));
        versions.insert(version);
    }
    assert_eq!(versions.len(), 1, "{versions:?}");
}

#[test]
fn what_a_release_build_hands_to_the_compiler_reaches_the_container() {
    let passed = config().build.env.passthrough;
    for variable in [PUBLIC_KEY, "SOURCE_DATE_EPOCH"] {
        assert!(passed.contains(variable), "{passed:?}");
    }
}
