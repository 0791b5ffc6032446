//! What goes wrong: the message names the cause and the cure, and what was installed stays.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use mesh_test::{Fault, Hub};

use super::machine::{Machine, host};

/// A machine with 4.0.0, and 4.1.0 to be had.
fn installed() -> Machine {
    let machine = Machine::new().release("4.1.0", "");
    machine.run().succeeds();
    machine
}

#[test]
fn nothing_is_installed_unverified() {
    let machine = installed().without("sha256sum");
    assert_snapshot!(machine.run().version("4.1.0").fails(), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: nothing here can compute a SHA-256, and unverified files are not installed; install sha256sum (coreutils), shasum (perl) or openssl
    ");
    machine.assert_intact();
}

#[test]
fn a_program_that_fails_verifies_nothing() {
    for (shell, output) in [("sh", "exit 1"), ("bash", "echo")] {
        let machine = installed().with_fake("sha256sum", output);
        let printed = machine.run().shell(shell).version("4.1.0").fails();
        assert!(
            printed.contains("sha256sum did not compute the SHA-256"),
            "{printed}"
        );
        machine.assert_intact();
    }
}

#[test]
fn a_tampered_archive_is_refused() {
    let machine = installed();
    let archive = machine.assets("4.1.0").join(host().archive());
    let mut bytes = fs::read(&archive).unwrap();
    bytes.push(b'\n');
    fs::write(&archive, bytes).unwrap();
    let printed = machine.run().version("4.1.0").fails();
    let (before, _) = printed.split_once("    want: ").unwrap();
    assert_snapshot!(before, @r"
    exit: 1
    ----- stdout -----
    downloading mcp-mesh 4.1.0 from [hub]/dhyansraj/mcp-mesh/releases/download/v4.1.0/mcp-mesh-[host].tar.gz
    ----- stderr -----
    ERROR: checksum mismatch: [hub]/dhyansraj/mcp-mesh/releases/download/v4.1.0/mcp-mesh-[host].tar.gz is not the file that was released
    ");
    machine.assert_intact();
}

#[test]
fn an_installer_without_a_checksum_installs_nothing() {
    for broken in ["", "12345", "zz0b1122"] {
        let machine = installed();
        let installer = machine.installer("4.1.0");
        let text = fs::read_to_string(&installer).unwrap();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        for line in &mut lines {
            if line.trim_start().starts_with("_checksum_value=") {
                *line = format!("_checksum_value=\"{broken}\"");
            }
        }
        fs::write(&installer, lines.join("\n") + "\n").unwrap();
        let printed = machine.run().version("4.1.0").fails();
        assert!(
            printed.contains("this installer has no SHA-256 for mcp-mesh-[host].tar.gz"),
            "{printed}"
        );
        machine.assert_intact();
    }
}

#[test]
fn a_page_that_says_404_is_no_archive() {
    for downloader in ["curl", "wget"] {
        let machine = installed().without("curl").with(downloader);
        machine.hub.spoil(
            &host().archive(),
            Fault::MissingWith("#!/bin/sh\necho owned\n".to_owned()),
        );
        let printed = machine.run().version("4.1.0").fails();
        if downloader == "curl" {
            assert_snapshot!(printed, @r"
            exit: 1
            ----- stdout -----
            downloading mcp-mesh 4.1.0 from [hub]/dhyansraj/mcp-mesh/releases/download/v4.1.0/mcp-mesh-[host].tar.gz
            ----- stderr -----
            ERROR: failed to download [hub]/dhyansraj/mcp-mesh/releases/download/v4.1.0/mcp-mesh-[host].tar.gz
            curl: …
            The server has no such file. If it is a mirror, it must have every file of the release; else see [hub]/dhyansraj/mcp-mesh/releases
            Nothing was changed.
            ");
        }
        assert!(
            printed.contains("The server has no such file."),
            "{printed}"
        );
        machine.assert_intact();
    }
}

#[test]
fn half_an_archive_is_refused() {
    for downloader in ["curl", "wget"] {
        let machine = installed().without("curl").with(downloader);
        machine.hub.spoil(&host().archive(), Fault::Truncated);
        let printed = machine.run().version("4.1.0").fails();
        assert!(printed.contains("failed to download [hub]/"), "{printed}");
        machine.assert_intact();
    }
}

#[test]
fn no_network_is_said() {
    for downloader in ["curl", "wget"] {
        let machine = installed().without("curl").with(downloader);
        let closed = Hub::start(machine.folder()).base_url().to_owned();
        let printed = machine
            .run()
            .version("4.1.0")
            .env("MCP_MESH_INSTALLER_GHE_BASE_URL", &closed)
            .fails();
        if downloader == "curl" {
            assert_snapshot!(printed.replace(&closed, "[closed]"), @r"
            exit: 1
            ----- stdout -----
            downloading mcp-mesh 4.1.0 from [closed]/dhyansraj/mcp-mesh/releases/download/v4.1.0/mcp-mesh-[host].tar.gz
            ----- stderr -----
            ERROR: failed to download [closed]/dhyansraj/mcp-mesh/releases/download/v4.1.0/mcp-mesh-[host].tar.gz
            curl: …
            Check the network and HTTPS_PROXY, or set MCP_MESH_DOWNLOAD_URL to a mirror of the release.
            Nothing was changed.
            ");
        }
        assert!(printed.contains("Check the network"), "{printed}");
        machine.assert_intact();
    }
}

#[test]
fn no_downloader_is_said() {
    let machine = Machine::new().without("curl");
    assert_snapshot!(machine.run().fails(), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: neither curl nor wget was found; install one of them
    ");
}

#[test]
fn a_folder_that_takes_no_files_is_named_before_anything_is_downloaded() {
    let machine = Machine::new();
    let file = machine.folder().join("file");
    fs::write(&file, "").unwrap();
    // Root may write anywhere, but not below a file.
    let printed = machine
        .run()
        .env("MCP_MESH_INSTALL_DIR", file.join("bin"))
        .fails();
    assert_snapshot!(printed, @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    mkdir: …
    ERROR: cannot write to the install folder [machine]/file/bin. Make it writable, or set MCP_MESH_INSTALL_DIR to a folder that is. Nothing was downloaded or changed.
    ");

    fs::create_dir_all(machine.default_bin().join("meshctl")).unwrap();
    let printed = machine.run().fails();
    assert!(
        printed.contains("[home]/.local/bin/meshctl is a folder."),
        "{printed}"
    );

    let printed = machine
        .run()
        .env("MCP_MESH_INSTALL_DIR", machine.folder().join("fine"))
        .env("XDG_CONFIG_HOME", &file)
        .fails();
    assert!(
        printed.contains("cannot write the receipt into [machine]/file/mcp-mesh."),
        "{printed}"
    );

    let printed = machine.run().env("TMPDIR", file.join("tmp")).fails();
    assert!(
        printed.contains("cannot create a temporary folder in [machine]/file/tmp"),
        "{printed}"
    );
    assert_eq!(machine.hub.requests(), []);
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_a_build_is_told_which_there_are() {
    let uname = "case $1 in -s) echo Linux ;; -m) echo CPU ;; *) echo GNU/Linux ;; esac";
    for (cpu, named) in [("riscv64", "riscv64gc-unknown-linux-gnu"), ("vax", "vax")] {
        let machine = Machine::new().with_fake("uname", &uname.replace("CPU", cpu));
        let printed = machine.run().fails();
        if cpu == "riscv64" {
            assert_snapshot!(printed, @r"
            exit: 1
            ----- stdout -----
            ----- stderr -----
            ERROR: there is no build for riscv64gc-unknown-linux-gnu. There are builds for
                aarch64-apple-darwin
                aarch64-pc-windows-msvc
                aarch64-unknown-linux-gnu
                aarch64-unknown-linux-musl
                x86_64-apple-darwin
                x86_64-pc-windows-msvc
                x86_64-unknown-linux-gnu
                x86_64-unknown-linux-musl
            On other systems build it with `cargo install --git [hub]/dhyansraj/mcp-mesh mcp-mesh`.
            ");
        }
        assert!(
            printed.contains(&format!("there is no build for {named}.")),
            "{printed}"
        );
        assert_eq!(machine.hub.requests(), []);
    }
    let machine = Machine::new().with_fake("uname", "echo Plan9");
    let printed = machine.run().fails();
    assert!(
        printed.contains("there is no build for Plan9."),
        "{printed}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_old_glibc_gets_the_static_build() {
    for version in ["ldd (GNU libc) 2.12", "garbage"] {
        let machine = Machine::new().with_fake("ldd", &format!("echo '{version}'"));
        let printed = machine.run().succeeds();
        assert!(
            printed.contains("taking the static build, which needs none"),
            "{printed}"
        );
        let triple = host().triple().replace("-gnu", "-musl");
        assert_eq!(machine.says("meshctl"), format!("meshctl 4.0.0 {triple}\n"));
    }
    let machine = Machine::new().with_fake("ldd", "echo 'ldd (GNU libc) 2.17'");
    machine.run().succeeds();
    machine.assert_intact();
    assert_eq!(
        machine.says("meshctl"),
        format!("meshctl 4.0.0 {}\n", host())
    );
}

#[test]
fn a_replacement_that_fails_half_way_is_taken_back() {
    let real = "exec /bin/mv \"$@\"";
    for (shell, failing) in [
        ("sh", "*/.mcp-mesh.*/meshctl*\\ */bin/meshctl"),
        ("bash", "*/.mcp-mesh.*/meshctl*\\ */bin/meshctl"),
        ("sh", "*-receipt.json"),
        ("bash", "*-receipt.json"),
    ] {
        // Not the way back, which comes from `old`.
        let script = format!("case \"$*\" in */old/*) ;; {failing}) exit 1 ;; esac; {real}");
        let machine = installed().with_fake("mv", &script);
        let printed = machine.run().shell(shell).version("4.1.0").fails();
        assert!(
            printed.contains("the installation is as it was"),
            "{printed}"
        );
        machine.assert_intact();
    }
}

#[test]
fn an_unpacking_that_fails_changes_nothing() {
    let machine = installed().with_fake("tar", "exit 2");
    let printed = machine.run().version("4.1.0").fails();
    assert!(
        printed.contains("failed to unpack mcp-mesh-[host].tar.gz into [tmp]/"),
        "{printed}"
    );
    machine.assert_intact();
}

#[test]
fn an_interruption_leaves_nothing_behind() {
    for shell in ["sh", "bash"] {
        let machine = installed();
        machine
            .hub
            .spoil(&host().archive(), Fault::Slow(Duration::from_millis(300)));
        let asked = machine.hub.requests().len();
        let mut running = machine
            .run()
            .shell(shell)
            .version("4.1.0")
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let start = Instant::now();
        while machine.hub.requests().len() == asked {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "nothing was asked for"
            );
            thread::sleep(Duration::from_millis(5));
        }
        let group = format!("-{}", running.id());
        assert!(
            Command::new("kill")
                .args(["-TERM", "--", &group])
                .status()
                .unwrap()
                .success()
        );
        assert!(!running.wait().unwrap().success());
        // The outer shell may end before the one that cleans up.
        while !machine.left_over().is_empty() && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(5));
        }
        machine.assert_intact();
    }
}

#[test]
fn errors_are_shown_even_when_quiet() {
    let machine = Machine::new();
    assert_snapshot!(machine.run().arg("-q").arg("--meshctl").fails(), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: unknown argument '--meshctl'; --help shows what there is
    ");
    assert_snapshot!(machine.run().arg("--meshctl-only").arg("--registry-only").fails(), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: --meshctl-only and --registry-only exclude each other; leave both out to install both
    ");
    assert_snapshot!(machine.run().env("MCP_MESH_INSTALL_ONLY", "agent").fails(), @r"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    ERROR: MCP_MESH_INSTALL_ONLY is 'agent'; set it to meshctl or registry
    ");
}

/// Text that no compression makes small.
fn noise(size: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'a' + u8::try_from(state % 26).unwrap())
        })
        .collect()
}

#[test]
#[ignore = "mounts a small disk, which takes root on Linux; run by `make test-rust` where that works"]
fn a_full_disk_changes_nothing() {
    let machine = Machine::new().release("4.1.0", &noise(300_000));
    machine.run().succeeds();
    for (variable, says) in [
        ("TMPDIR", "set TMPDIR to another folder"),
        (
            "MCP_MESH_INSTALL_DIR",
            "set MCP_MESH_INSTALL_DIR to another folder",
        ),
        ("XDG_CONFIG_HOME", "cannot write the receipt"),
    ] {
        let disk = SmallDisk::mount(machine.folder().join(format!("disk-{variable}")));
        if variable == "XDG_CONFIG_HOME" {
            // A receipt is small.
            fs::write(disk.0.join("all"), vec![0; 300_000]).unwrap_err();
        }
        let printed = machine
            .run()
            .version("4.1.0")
            .env(variable, &disk.0)
            .fails();
        assert!(printed.contains(says), "{printed}");
        machine.assert_intact();
    }
    let disk = SmallDisk::mount(machine.folder().join("read-only"));
    disk.make_read_only();
    let printed = machine
        .run()
        .version("4.1.0")
        .env("MCP_MESH_INSTALL_DIR", &disk.0)
        .fails();
    assert!(
        printed.contains("cannot write to the install folder [machine]/read-only."),
        "{printed}"
    );
    machine.assert_intact();
}

/// A disk in memory that holds 200 kB; dropping it unmounts it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf) -> Self {
        fs::create_dir(&folder).expect("a folder to mount on");
        let disk = Self(folder);
        disk.run(&["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs"]);
        disk
    }

    fn make_read_only(&self) {
        self.run(&["mount", "-o", "remount,ro"]);
    }

    fn run(&self, command: &[&str]) {
        let status = Command::new(command[0])
            .args(&command[1..])
            .arg(&self.0)
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{command:?} takes root on Linux"
        );
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output(); // Nothing is lost if it stays.
    }
}
