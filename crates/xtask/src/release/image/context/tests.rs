use super::*;

const EPOCH: u64 = 1_700_000_000;
const AMD64: &str = "mcp-mesh-x86_64-unknown-linux-musl";
const ARM64: &str = "mcp-mesh-aarch64-unknown-linux-musl";
/// What helps when a file and its checksum do not belong together.
const CURE: &str = "fetch the release again, or run `cargo xtask release assemble`";

/// A checkout and the files of its release, with programs that have a header and nothing else.
struct Release {
    folder: tempfile::TempDir,
}

impl Release {
    fn new() -> Self {
        let release = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        release.put(
            "workspace/Cargo.toml",
            "[workspace.package]\nversion = \"4.0.0\"\ndescription = \"d\"\nlicense = \"MIT\"\n\
             repository = \"https://git.example/acme/mesh\"\n[workspace.metadata.release]\n\
             homebrew-tap = \"acme/homebrew-tap\"\nscoop-bucket = \"acme/bucket\"\n\
             image-organisation = \"acme\"\n",
        );
        release.put("workspace/LICENSE", "Do what you want.\n");
        release.put("workspace/packaging/docker/healthcheck.py", "ask()\n");
        release.put("workspace/packaging/docker/make-environment.py", "make()\n");
        // The hash is that of "abc".
        release.put(
            "workspace/packaging/docker/requirements.txt",
            "fastmcp==3.4.3 \\\n    --hash=sha256:\
             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n",
        );
        for cpu in ["amd64", "arm64"] {
            let name = format!("wheels/{cpu}/fastmcp-3.4.3-py3-none-any.whl");
            release.put(&name, "abc");
        }
        release.put("upload/mcp-mesh_4.0.0_linux_amd64.tar.gz", "not looked at");
        for platform in Platform::ALL {
            let target = platform.target();
            release.pack(&target.archive_stem(), &program(platform));
            for binary in BINARIES {
                release.put(&format!("upload/{}", target.sbom(binary)), "{}\n");
            }
        }
        for cpu in ["x86_64", "aarch64"] {
            let name = format!("mcp_mesh-4.0.0-cp311-abi3-manylinux2014_{cpu}.whl");
            release.put(&format!("upload/{name}"), cpu);
        }
        release.sum();
        release
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, content: &str) {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    fn pack(&self, stem: &str, program: &[u8]) {
        let mut files = Files::default();
        for binary in BINARIES {
            files.insert(binary, Mode::Program, program.to_vec());
        }
        let archive = self.path(&format!("upload/{stem}.tar.gz"));
        files.under(stem).pack(&archive, EPOCH).unwrap();
    }

    fn sum(&self) {
        let sums = Checksums::of_folder(&self.path("upload")).unwrap();
        self.put("upload/SHA256SUMS", &sums.to_text());
    }

    fn args(&self) -> ImageContextArgs {
        ImageContextArgs {
            dir: self.path("upload"),
            out: self.path("context"),
            platforms: Platform::ALL.to_vec(),
            images: Image::ALL.to_vec(),
            wheels: Some(self.path("wheels")),
            workspace: self.path("workspace"),
        }
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path("upload").join(name)).unwrap();
    }

    /// What is said instead of making a context, in one line.
    fn refusal(&self, args: &ImageContextArgs) -> String {
        let error = format!("{:#}", run(args).unwrap_err());
        assert!(!error.contains('\n'), "{error}");
        assert!(!self.path("context").exists(), "{error}");
        error
    }
}

/// The header of a 64-bit ELF program without a segment.
fn program(platform: Platform) -> Vec<u8> {
    let machine = match platform.cpu() {
        Cpu::Amd64 => object::elf::EM_X86_64,
        Cpu::Arm64 => object::elf::EM_AARCH64,
    };
    let mut header = vec![0; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    header[16] = 2; // A program that may not move.
    header[18..20].copy_from_slice(&machine.0.to_le_bytes());
    header[20] = 1;
    header[52] = 64; // Its own size,
    header[54] = 56; // and that of a segment's,
    header[58] = 64; // and of a section's.
    header
}

#[test]
fn a_context_has_what_the_dockerfiles_copy() {
    let release = Release::new();
    run(&release.args()).unwrap();
    for path in [
        "LICENSE",
        "healthcheck.py",
        "make-environment.py",
        "registry-root.tar",
        "linux/amd64/meshctl",
        "linux/arm64/mcp-mesh-registry",
        "linux/arm64/sbom/mcp-mesh-registry.cdx.json",
        "linux/amd64/wheels/fastmcp-3.4.3-py3-none-any.whl",
        "linux/arm64/wheels/mcp_mesh-4.0.0-cp311-abi3-manylinux2014_aarch64.whl",
    ] {
        assert!(release.path("context").join(path).is_file(), "{path}");
    }
    let program_there = fs::read(release.path("context/linux/arm64/meshctl")).unwrap();
    assert_eq!(program_there, program(Platform::ALL[1]));
    let arguments = fs::read_to_string(release.path("context/build-arguments")).unwrap();
    for line in [
        "VERSION=4.0.0",
        "SOURCE=https://git.example/acme/mesh",
        "LICENSES=MIT",
    ] {
        assert!(arguments.lines().any(|there| there == line), "{arguments}");
    }
    // Only what is said is copied, so whatever else lies there must be known.
    let dockerfiles = root::checkout().join("packaging/docker");
    for image in Image::ALL {
        let file = dockerfiles.join(format!("{image}.Dockerfile"));
        let text = fs::read_to_string(file).unwrap();
        for line in text
            .lines()
            .filter(|line| line.starts_with("COPY") || line.starts_with("ADD"))
        {
            if line.contains("--from=") {
                continue;
            }
            let words: Vec<_> = line
                .split(' ')
                .filter(|word| !word.starts_with("--"))
                .collect();
            for source in &words[1..words.len() - 1] {
                let source = source.replace("${TARGETOS}/${TARGETARCH}", "linux/arm64");
                let is_there = release.path("context").join(&source).exists();
                assert!(is_there, "{image} copies `{source}`");
            }
        }
    }
}

#[test]
fn our_wheel_is_locked_by_the_hashes_of_both_platforms() {
    let release = Release::new();
    run(&release.args()).unwrap();
    let lock = fs::read_to_string(release.path("context/requirements.txt")).unwrap();
    let (_, ours) = lock.split_once("mcp-mesh==4.0.0").unwrap();
    for name in ["x86_64", "aarch64"] {
        let wheel = format!("upload/mcp_mesh-4.0.0-cp311-abi3-manylinux2014_{name}.whl");
        let hash = sha256_of_file(&release.path(&wheel)).unwrap();
        assert!(ours.contains(&hash), "{lock}");
    }
    let bill = release.path("context/linux/amd64/sbom/mcp-mesh-python.cdx.json");
    let bill: serde_json::Value = serde_json::from_str(&fs::read_to_string(bill).unwrap()).unwrap();
    assert_eq!(bill["components"][0]["purl"], "pkg:pypi/fastmcp@3.4.3");
    assert_eq!(bill["metadata"]["component"]["name"], "mcp-mesh");
}

#[test]
fn two_contexts_are_the_same_bytes() {
    let release = Release::new();
    let mut args = release.args();
    run(&args).unwrap();
    args.out = release.path("again");
    run(&args).unwrap();
    for path in ["registry-root.tar", "requirements.txt", "build-arguments"] {
        let read = |folder| fs::read(release.path(folder).join(path)).unwrap();
        assert!(read("context") == read("again"), "{path} differs");
    }
}

#[test]
fn the_registrys_folder_is_its_users() {
    let bytes = registry_root(EPOCH).unwrap();
    let mut seen = Vec::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let entry = entry.unwrap();
        let (path, header) = (entry.path().unwrap().into_owned(), entry.header());
        if path.starts_with("data") {
            assert_eq!(header.uid().unwrap(), REGISTRY_USER);
            assert_eq!(header.mode().unwrap(), 0o750);
        } else {
            assert_eq!(header.uid().unwrap(), 0, "{}", path.display());
        }
        assert_eq!(header.mtime().unwrap(), EPOCH);
        if path.ends_with("bin/registry") {
            let name = entry.link_name().unwrap().unwrap();
            assert_eq!(name.as_ref(), Path::new("mcp-mesh-registry"));
        }
        seen.push(path);
    }
    assert!(
        seen.contains(&"tmp".into()) || seen.contains(&"tmp/".into()),
        "{seen:?}"
    );
}

#[test]
fn an_image_without_python_needs_no_wheels() {
    let release = Release::new();
    let mut args = release.args();
    args.images = vec![Image::Registry];
    args.wheels = None;
    run(&args).unwrap();
    assert!(!release.path("context/requirements.txt").exists());
}

#[test]
fn a_missing_archive_is_named_with_its_platform_and_cure() {
    let release = Release::new();
    release.remove(&format!("{ARM64}.tar.gz"));
    let mut args = release.args();
    let said = release.refusal(&args);
    assert!(said.contains(&format!("no `{ARM64}.tar.gz`")), "{said}");
    assert!(said.contains("no image for linux/arm64"), "{said}");
    assert!(
        said.contains("--target aarch64-unknown-linux-musl"),
        "{said}"
    );
    args.platforms = vec![Platform::ALL[0]];
    run(&args).unwrap();
}

#[test]
fn a_missing_wheel_is_named_before_anything_is_fetched() {
    let release = Release::new();
    release.remove("mcp_mesh-4.0.0-cp311-abi3-manylinux2014_aarch64.whl");
    let mut args = release.args();
    args.wheels = None;
    let said = release.refusal(&args);
    assert!(said.contains("no wheel of 4.0.0 for linux/arm64"), "{said}");
}

#[test]
fn what_differs_from_its_checksum_is_not_used() {
    let release = Release::new();
    let amd64 = Platform::ALL[0];
    for (name, tamper) in [
        (format!("{AMD64}.tar.gz"), "archive"),
        (amd64.target().sbom("meshctl"), "bill"),
        (
            "mcp_mesh-4.0.0-cp311-abi3-manylinux2014_x86_64.whl".to_owned(),
            "wheel",
        ),
    ] {
        let real = fs::read(release.path("upload").join(&name)).unwrap();
        if tamper == "archive" {
            release.pack(AMD64, b"tampered");
        } else {
            release.put(&format!("upload/{name}"), tamper);
        }
        let said = release.refusal(&release.args());
        assert!(
            said.contains(&format!("`{name}` has the checksum")),
            "{said}"
        );
        assert!(said.ends_with(CURE), "{said}");
        fs::write(release.path("upload").join(&name), real).unwrap();
    }
    run(&release.args()).unwrap();

    let bill = amd64.target().sbom("meshctl");
    let sums = fs::read_to_string(release.path("upload/SHA256SUMS")).unwrap();
    let others: Vec<_> = sums.lines().filter(|line| !line.ends_with(&bill)).collect();
    release.put("upload/SHA256SUMS", &(others.join("\n") + "\n"));
    fs::remove_dir_all(release.path("context")).unwrap();
    let said = release.refusal(&release.args());
    assert!(
        said.contains(&format!("no checksum is known of `{bill}`")),
        "{said}"
    );
    assert!(said.ends_with(CURE), "{said}");
}

#[test]
fn a_program_of_another_cpu_or_of_none_is_refused() {
    let release = Release::new();
    for wrong in [
        program(Platform::ALL[0]),
        b"#!/bin/sh\n".to_vec(),
        Vec::new(),
    ] {
        release.pack(ARM64, &wrong);
        release.sum();
        let said = release.refusal(&release.args());
        assert!(
            said.contains("is no static program for linux/arm64"),
            "{said}"
        );
    }
}

#[test]
fn a_folder_that_is_no_release_is_refused() {
    let release = Release::new();
    let mut args = release.args();
    args.dir = release.path("workspace");
    let said = release.refusal(&args);
    assert!(said.contains("has no SHA256SUMS"), "{said}");
    release.put("workspace/SHA256SUMS", "");
    let said = release.refusal(&args);
    assert!(said.contains("its version is unknown"), "{said}");
}

#[test]
fn somebodys_folder_is_left_alone() {
    let release = Release::new();
    release.put("home/letter.txt", "dear");
    let mut args = release.args();
    args.out = release.path("home");
    let said = run(&args).unwrap_err().to_string();
    assert!(
        said.contains("something else than an earlier context"),
        "{said}"
    );
    assert!(release.path("home/letter.txt").exists());

    args.out = release.path("context");
    run(&args).unwrap();
    args.platforms = vec![Platform::ALL[0]];
    run(&args).unwrap();
    assert!(!release.path("context/linux/arm64").exists());
}
