//! For tests: a workspace, a signed release of it with a few small files, and a hub to publish it on.

use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::env::Environment;
use mesh_test::Hub;

use super::Checksums;
use super::github::Token;
use super::sign::tests::{Keys, signed};

/// A release that is ready to be published.
pub(super) struct Sample {
    folder: tempfile::TempDir,
    keys: Keys,
    version: String,
    pub(super) hub: Hub,
}

impl Sample {
    pub(super) fn new(version: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let hub = folder.path().join("hub");
        let sample = Self {
            hub: Hub::start(&hub),
            keys: Keys::make(),
            version: version.to_owned(),
            folder,
        };
        for folder in [&hub, &sample.workspace(), &sample.upload()] {
            fs::create_dir(folder).expect("a new folder");
        }
        let manifest = format!(
            "[workspace.package]\nversion = \"{version}\"\ndescription = \"d\"\nlicense = \"MIT\"\n\
             repository = \"https://git.example/acme/mesh\"\n[workspace.metadata.release]\n\
             homebrew-tap = \"acme/homebrew-tap\"\nscoop-bucket = \"acme/bucket\"\n\
             image-organisation = \"acme\"\nminisign-public-key = \"{}\"\n",
            sample.keys.public
        );
        write(&sample.workspace().join("Cargo.toml"), &manifest);
        let changelog = format!("# Changes\n\n## {version} (2026-01-01)\n\n* What users see.\n");
        write(&sample.workspace().join("CHANGELOG.md"), &changelog);
        write(&sample.upload().join("a+b.txt"), "a+b");
        write(&sample.upload().join("mcp-mesh.json"), "{}\n");
        sample.change("mcp-mesh.rb", "class McpMesh < Formula\nend\n");
        sample
    }

    /// The same, published already.
    pub(super) fn published(version: &str) -> Self {
        let sample = Self::new(version);
        let there = sample
            .hub
            .root()
            .join("releases")
            .join(format!("v{version}"));
        fs::create_dir_all(&there).expect("a new folder");
        for entry in fs::read_dir(sample.upload()).expect("a folder") {
            let path = entry.expect("a file").path();
            let name = path.file_name().expect("a name");
            fs::copy(&path, there.join(name)).expect("a copy");
        }
        sample
    }

    pub(super) fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// The folder of its files.
    pub(super) fn upload(&self) -> PathBuf {
        self.folder.path().join("upload")
    }

    pub(super) fn public_key(&self) -> String {
        self.keys.public.clone()
    }

    /// Gives a file another content, and signs the release again.
    pub(super) fn change(&self, name: &str, content: &str) {
        write(&self.upload().join(name), content);
        let sums = Checksums::of_folder(&self.upload()).expect("files");
        write(&self.upload().join(Checksums::FILE), &sums.to_text());
        self.sign_as(&format!("mcp-mesh v{}", self.version));
    }

    /// Signs with a trusted comment of the test's choice.
    pub(super) fn sign_as(&self, comment: &str) {
        let path = self.upload().join(Checksums::FILE);
        let sums = fs::read_to_string(path).expect("checksums");
        let signature = signed(&sums, &self.keys, comment);
        write(&self.upload().join(Checksums::SIGNATURE), &signature);
    }
}

/// A token as `variable` would hold it.
pub(super) fn token(variable: &'static str) -> Option<Token> {
    Token::read(&Environment::from_iter([(variable, "secret")]), variable)
}

fn write(path: &Path, content: &str) {
    fs::write(path, content).expect("a writable folder");
}
