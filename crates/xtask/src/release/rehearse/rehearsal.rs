//! The order of things, and what needs what.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use mesh_test::Hub;

use super::builds::{self, Build, Part};
use super::releases::{self, Release};
use super::report::{Report, Row};
use super::sources::{self, Keys, Source};
use super::{channels, checks, foreign, images, manifests, tampering, windows};
use crate::release::channel::{Form, Origin};
use crate::root;

/// Whether builds are shown to be reproducible, which takes as long as everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thoroughness {
    Quick,
    Thorough,
}

/// A rehearsal under way: where it works, and what it found.
pub(super) struct Rehearsal {
    /// Keeps everything for a look.
    pub(super) folder: PathBuf,
    /// Python packages that were fetched before.
    pub(super) wheels: PathBuf,
    /// The same for the images, a folder for each platform.
    pub(super) image_wheels: PathBuf,
    pub(super) report: Report,
}

impl Rehearsal {
    /// The whole: the version that is at `commit`, and the next one.
    pub(super) fn two_versions(
        &mut self,
        commit: &str,
        thoroughness: Thoroughness,
    ) -> anyhow::Result<()> {
        let keys = Keys::make(&self.folder.join("keys"))?;
        let (old, new) = sources::make(&self.folder.join("source"), commit, &keys)?;
        let cache = self.folder.join("cache");
        let built = self.folder.join("built");
        let built_old = self.needed(&format!("build {}", old.version), || {
            // Only updates start from it.
            builds::build(&old, &built.join("old"), &cache, &Part::programs()?)
        })?;
        let built_new = self.needed(&format!("build {}", new.version), || {
            builds::build(&new, &built.join("new"), &cache, &Part::everything()?)
        })?;
        self.report.note(Row::real(
            "Linux x86_64 programs",
            "need glibc 2.17 at most, list their crates, name no folder of this machine",
            "read from the ELF files by `release build`, which fails otherwise",
        ));
        match thoroughness {
            Thoroughness::Quick => self
                .report
                .note(Row::left("reproducible builds", "left out by `--quick`")),
            Thoroughness::Thorough => self.build_again(&new, &built_new),
        }
        let built_foreign = self.needed("build for other machines", || {
            builds::build(
                &new,
                &built.join("foreign"),
                &foreign_cache(),
                &Part::foreign(),
            )
        })?;
        let built_new = built_new.with(built_foreign);
        self.report
            .step("wheel checks", || builds::check_wheels(&built_new));

        let hub = self.empty_hub()?;
        let old = self.publish(&built_old, &keys, &hub)?;
        let new = self.publish(&built_new, &keys, &hub)?;
        let report = &mut self.report;
        report.step("publish again", || releases::publish_again(&new, &hub));
        report.step("tap and bucket", || releases::publish_packages(&new, &hub));
        report.step("release.yml", || checks::workflow(&new.build.source));
        let origin = releases::origin(Some(&old), &new, &keys, &hub)?;
        self.use_it(&new, &origin, &hub);
        let places = self.folder.join("places");
        self.report.step("bad releases and bad machines", || {
            tampering::try_everything(&places, &old, &new, &origin)
        });
        self.compile_it(&origin);
        Ok(())
    }

    /// The container images, and of a release only what they are made of.
    pub(super) fn images(&mut self, commit: &str) -> anyhow::Result<()> {
        let keys = Keys::make(&self.folder.join("keys"))?;
        let (_, source) = sources::make(&self.folder.join("source"), commit, &keys)?;
        let cache = self.folder.join("cache");
        let built = self.folder.join("built");
        let made = self.needed(&format!("build {}", source.version), || {
            let of = |parts: Vec<Part>| -> Vec<Part> {
                parts
                    .into_iter()
                    .filter(|part| part.is_for_images())
                    .collect()
            };
            let here = of(Part::everything()?);
            let elsewhere = of(Part::foreign());
            let here = builds::build(&source, &built.join("new"), &cache, &here)?;
            let foreign = builds::build(
                &source,
                &built.join("foreign"),
                &foreign_cache(),
                &elsewhere,
            )?;
            Ok(here.with(foreign))
        })?;
        let dir = self.folder.join("assembled/for-images");
        let release = self.needed("assemble and sign", || {
            let release = releases::assemble(&made, &dir)?;
            releases::sign(&release, &keys)?;
            Ok(release)
        })?;
        let trial = images::Trial {
            release: &release,
            wheels: &self.image_wheels,
            folder: self.folder.join("images"),
        };
        images::walk(&mut self.report, &trial);
        Ok(())
    }

    /// One release that was assembled in `dir` already, as the workflow does before it is signed: signed
    /// here with a key of the rehearsal, so an update, which trusts only the release's own key, cannot be
    /// tried.
    pub(super) fn assembled(&mut self, dir: PathBuf) -> anyhow::Result<()> {
        let keys = Keys::make(&self.folder.join("keys"))?;
        let upload = self.folder.join("assembled/given");
        releases::copy(&[dir.join("upload")], &upload)?;
        let release = Release {
            build: Build {
                source: Source::here(root::checkout())?,
                dirs: vec![dir],
            },
            upload,
        };
        let hub = self.empty_hub()?;
        self.needed("publish to the hub", || {
            releases::publish(&release, &keys, &hub)
        })?;
        let origin = releases::origin(None, &release, &keys, &hub)?;
        self.use_it(&release, &origin, &hub);
        self.compile_it(&origin);
        self.report.note(Row::left(
            "self update",
            "trusts only the key of real releases; `make rehearse` tries it with one of its own",
        ));
        Ok(())
    }

    fn build_again(&mut self, new: &Source, built: &Build) {
        let Self { folder, report, .. } = self;
        report.step("reproducible builds", || {
            let elsewhere = new.elsewhere(&folder.join("another/place"))?;
            let cache = folder.join("another/cache");
            let again = builds::build(
                &elsewhere,
                &folder.join("built/again"),
                &cache,
                &Part::everything()?,
            )?;
            builds::compare(built, &again)
        });
    }

    fn empty_hub(&self) -> anyhow::Result<Hub> {
        let root = self.folder.join("hub");
        if root.exists() {
            fs::remove_dir_all(&root)
                .with_context(|| format!("failed to remove `{}`", root.display()))?;
        }
        Ok(Hub::start(&root))
    }

    fn publish(&mut self, build: &Build, keys: &Keys, hub: &Hub) -> anyhow::Result<Release> {
        let version = build.source.version.to_string();
        let dir = self.folder.join("assembled").join(&version);
        self.needed(&format!("publish {version}"), || {
            let release = releases::assemble(build, &dir)?;
            releases::publish(&release, keys, hub)?;
            Ok(release)
        })
    }

    /// Everything quick that a user may do with a release.
    fn use_it(&mut self, release: &Release, origin: &Origin, hub: &Hub) {
        let Self {
            folder,
            wheels,
            image_wheels,
            report,
        } = self;
        let places = folder.join("places");
        report.step("package index", || {
            releases::fill_index(release, wheels, &hub.root().join("pypi"))?;
            Ok(Vec::new())
        });
        channels::walk(report, &places, origin);
        foreign::walk(report, release, &places);
        report.step("Windows", || {
            windows::under_wine(&release.upload, &places, &release.build.source.version)
        });
        images::walk(
            report,
            &images::Trial {
                release,
                wheels: image_wheels,
                folder: folder.join("images"),
            },
        );
        report.step("Homebrew", || manifests::formula(release, &places));
        report.step("Scoop", || manifests::manifest(release));
        report.step("linters", || checks::linters(&release.upload));
        report.note(Row::left(
            "provenance attestation, trusted publishing, approvals",
            "only GitHub can make them",
        ));
    }

    /// The source distribution, last because it takes longest.
    fn compile_it(&mut self, origin: &Origin) {
        let places = self.folder.join("places");
        self.report.step("PyPI sdist", || {
            channels::python_package(&places, origin, Form::Source)
        });
    }

    /// A step that the rest cannot do without.
    fn needed<T>(
        &mut self,
        name: &str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut made = None;
        self.report.step(name, || {
            made = Some(step()?);
            Ok(Vec::new())
        });
        made.with_context(|| format!("the rest needs `{name}`"))
    }
}

/// Where other machines' programs are compiled, in a rehearsal and by hand: it takes a quarter of an hour
/// from nothing, and nobody builds them twice to compare.
fn foreign_cache() -> PathBuf {
    root::target().join("cross")
}
