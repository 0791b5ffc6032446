//! The container images: built for both platforms from the very files of a release, pushed to a registry
//! on loopback, tagged there as the workflow does, pulled and used.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use mesh_test::free_port;

use super::containers::Containers;
use super::releases::Release;
use super::report::{Report, Row};
use super::sources::xtask;
use crate::release::image::bases::Bases;
use crate::release::image::{Image, ImageCheck, Names, Platform};
use crate::release::{Target, Tool, say};
use crate::root;

/// What a release's images are tried with.
pub(super) struct Trial<'a> {
    pub(super) release: &'a Release,
    /// Wheels of the locked dependencies, fetched while there was a network.
    pub(super) wheels: &'a Path,
    /// The folder for context, digests and the daemon's state.
    pub(super) folder: PathBuf,
}

/// Everything about images, in a daemon of its own, or a row that says what is missing.
pub(super) fn walk(report: &mut Report, trial: &Trial<'_>) {
    if !Containers::are_set_up() {
        report.note(Row::left(
            "container images",
            "no private container daemon: `make container-tools`",
        ));
        return;
    }
    let mut containers = None;
    report.step("container daemon and registry", || {
        containers = Some(Containers::start(&trial.folder.join("daemon"))?);
        Ok(Vec::new())
    });
    let Some(containers) = containers else {
        return;
    };
    if report.step("build images", || trial.build(&containers)) {
        report.step("tag images", || trial.promote(&containers));
        for platform in Platform::ALL {
            report.step(&format!("images on {platform}"), || {
                trial.check(&containers, platform)
            });
        }
        report.step("images with buildah", || {
            trial.build_without_daemon(&containers)
        });
        report.step("compose", || trial.compose(&containers));
    }
    report.step("stop the daemon", || containers.stop().map(|()| Vec::new()));
}

impl Trial<'_> {
    /// Builds each image twice, as people do and as the workflow does, and compares digests.
    fn build(&self, containers: &Containers) -> anyhow::Result<Vec<Row>> {
        let digests = self.folder.join("digests");
        self.lay_out()?;
        self.script(containers)?
            .env("DOCKER_PUSH", "digest")
            .env("DOCKER_DIGESTS", &digests)
            .output()?;
        let first = read(&digests)?;
        say(format_args!("    again, from nothing"));
        containers.forget_builds()?;
        self.lay_out()?;
        let second = containers
            .reach(xtask())?
            .args(["build-images", "--unpinned", "--dir"])
            .arg(&self.release.upload)
            .arg("--layouts")
            .arg(self.layouts())
            .arg("--workspace")
            .arg(&self.release.build.source.workspace)
            .env("CONTEXT", self.context())
            .output()?;
        for image in Image::ALL {
            let digest = first
                .lines()
                .find_map(|line| line.split_once(&format!("/{image}@")))
                .map(|(_, digest)| digest)
                .with_context(|| format!("`{}` has no {image}", digests.display()))?;
            ensure!(
                second.contains(&format!("{image} is {digest}")),
                "two builds of {image} have other digests, the first {digest}:\n{second}"
            );
        }
        let row = Row::real(
            "container images, built",
            format!(
                "three images for {}, from the signed archives and wheels; a second build has the same digests",
                Platform::ALL
                    .map(|platform| platform.to_string())
                    .join(" and ")
            ),
            "`packaging/scripts/build-docker.sh` with buildx, and `release build-images`, which calls it in the workflow",
        );
        Ok(vec![row.but_for(
            "the base image `python:3.11-slim`, by one that debootstrap made",
        )])
    }

    /// Makes the context anew, with files of this very moment.
    fn lay_out(&self) -> anyhow::Result<()> {
        xtask()
            .args(["image-context", "--dir"])
            .arg(&self.release.upload)
            .arg("--out")
            .arg(self.context())
            .arg("--wheels")
            .arg(self.wheels)
            .arg("--workspace")
            .arg(&self.release.build.source.workspace)
            .output()
            .map(drop)
    }

    /// Copies by digest to two places, as the workflow does for Docker Hub and GHCR, and tags there.
    fn promote(&self, containers: &Containers) -> anyhow::Result<Vec<Row>> {
        let version = self.release.build.source.version.to_string();
        let places = [
            prefix(containers),
            format!("{}/mirror/mcpmesh", containers.registry()),
        ];
        let source = &self.release.build.source;
        for _run in 0..2 {
            let promote = xtask()
                .args(["promote-images", "--plain-http", "--layouts"])
                .arg(self.layouts())
                .arg("--workspace")
                .arg(&source.workspace);
            // A checkout as it stands knows the key of real releases, not that of the rehearsal.
            let promote = match source.commit() {
                Some(_) => promote.arg("--signed").arg(&self.release.upload),
                None => promote,
            };
            promote
                .args(["--to", &places[0], "--to", &places[1]])
                .args(["--tags", &format!("{version} latest")])
                .output()?;
        }
        let row = Row::real(
            "container images, tagged",
            format!(
                "{}copied by digest to two registries, read back, then tagged; a second run changes nothing",
                if source.commit().is_some() {
                    "made of the signed bytes, "
                } else {
                    ""
                }
            ),
            "`release promote-images`, with skopeo",
        );
        Ok(vec![row.but_for(
            "Docker Hub and GHCR, by Debian's docker-registry on loopback",
        )])
    }

    fn build_without_daemon(&self, containers: &Containers) -> anyhow::Result<Vec<Row>> {
        self.script(containers)?
            .env("DOCKER_BUILDER", "buildah")
            .env("DOCKER_PUSH", "false")
            .env("DOCKER_IMAGES", "registry")
            .env("OUTPUT_DIR", self.folder.join("buildah"))
            // Nor does a daemon of the machine's own get the image.
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
            .output()?;
        Ok(vec![Row::real(
            "container images without a daemon",
            "the registry's image for both platforms",
            "the same script with buildah",
        )])
    }

    /// What a user does with them, by their tag; and on another CPU by their bytes, as the workflow does
    /// before they have a tag.
    fn check(&self, containers: &Containers, platform: Platform) -> anyhow::Result<Vec<Row>> {
        let version = &self.release.build.source.version;
        let name = format!("container images, {platform}");
        if Target::host().is_some_and(|host| host.cpu.to_string() != platform.architecture()) {
            let said = xtask()
                .args(["check-image", "--layouts"])
                .arg(self.layouts())
                .args(["--platform", &platform.to_string()])
                .args(["--version", &version.to_string()])
                .args(["--docker-host", &containers.docker_host()])
                .output()?;
            return Ok(said
                .lines()
                .map(|line| Row::real(&name, line, "`release check-image`"))
                .collect());
        }
        let check = ImageCheck {
            names: Names::Tag {
                prefix: prefix(containers),
                tag: version.to_string(),
            },
            platform,
            version: version.clone(),
        };
        let proofs = check.run(Some(&containers.docker_host()))?;
        Ok(proofs
            .into_iter()
            .map(|proof| Row::real(&name, proof.proven, proof.how))
            .collect())
    }

    /// The example that the guide names, up and down again.
    fn compose(&self, containers: &Containers) -> anyhow::Result<Vec<Row>> {
        let mesh = Compose {
            containers,
            images: prefix(containers),
            version: self.release.build.source.version.to_string(),
            port: free_port().context("there is no free port")?.to_string(),
        };
        let outcome = mesh.prove();
        // Nothing of it stays, however it went.
        mesh.run(&["down", "--volumes", "--timeout", "5"])?;
        outcome?;
        Ok(vec![Row::real(
            "docker compose",
            "registry and two agents get healthy; one calls the other, and does without it when it is stopped; a killed registry goes on with its data",
            "`examples/docker/compose.yaml`",
        )])
    }

    fn context(&self) -> PathBuf {
        self.folder.join("context")
    }

    fn layouts(&self) -> PathBuf {
        self.folder.join("layouts")
    }

    fn script(&self, containers: &Containers) -> anyhow::Result<Tool> {
        let script = root::checkout().join("packaging/scripts/build-docker.sh");
        let mut tool = containers.reach(Tool::at(&script))?;
        for base in Bases::load(&self.release.build.source.workspace)?.iter() {
            tool = tool.env(&base.argument, &base.image);
        }
        Ok(tool
            .env("DOCKER_REGISTRY", prefix(containers))
            .env("DOCKER_TAG", self.release.build.source.version.to_string())
            .env("DOCKER_BUILDER", "buildx")
            .env("OUTPUT_DIR", self.folder.join("output"))
            .env("RELEASE_DIR", &self.release.upload)
            .env("CONTEXT", self.context()))
    }
}

/// The mesh of the example.
struct Compose<'a> {
    containers: &'a Containers,
    images: String,
    version: String,
    port: String,
}

impl Compose<'_> {
    fn prove(&self) -> anyhow::Result<()> {
        self.run(&["up", "--wait", "--wait-timeout", "120"])?;
        let planned = self.plan()?;
        ensure!(
            planned.contains("degrees"),
            "the planner should have asked the forecast: {planned}"
        );
        self.run(&["kill", "registry"])?;
        self.run(&["up", "--wait", "--wait-timeout", "120"])?;
        let planned = self.plan()?;
        ensure!(
            planned.contains("degrees"),
            "after the registry was killed: {planned}"
        );
        self.run(&["stop", "forecast"])?;
        // The planner hears of it with a heartbeat; until then its call fails.
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let planned = self.plan();
            match &planned {
                Ok(said) if said.contains("Nobody offers") => return Ok(()),
                _ if Instant::now() > deadline => {
                    bail!("the forecast was stopped, and the planner says {planned:?}")
                }
                _ => thread::sleep(Duration::from_millis(500)),
            }
        }
    }

    /// What a user who has no `meshctl` types.
    fn plan(&self) -> anyhow::Result<String> {
        let image = format!("{}/cli:{}", self.images, self.version);
        self.containers
            .reach(Tool::new("docker"))?
            .args(["run", "--rm", "--network", "mcp-mesh_default", &image])
            .args(["call", "planner:plan_day", r#"{"city": "Lisbon"}"#])
            .args(["--registry-url", "http://registry:8000"])
            .output()
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.containers
            .reach(Tool::new("docker"))?
            .args(["compose", "--file"])
            .arg(root::checkout().join("examples/docker/compose.yaml"))
            .args(arguments)
            .env("MCP_MESH_IMAGES", &self.images)
            .env("MCP_MESH_IMAGE_TAG", &self.version)
            .env("MCP_MESH_REGISTRY_PORT", &self.port)
            .output()
    }
}

/// What stands before the images' names.
fn prefix(containers: &Containers) -> String {
    format!("{}/mcpmesh", containers.registry())
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("failed to read `{}`", file.display()))
}
