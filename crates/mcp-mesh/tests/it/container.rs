//! The registry as an image runs it: process 1, alone on a read-only file system without `/etc`, `/proc`
//! and `/tmp`, as a user without a name and a home. The container is made for the test, which takes root
//! on Linux: `make test-rust` includes these tests where mounting works and lists them as skipped elsewhere.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mesh_test::essential_environment;
use mesh_test::http1::HttpConnection;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-mesh-registry");
/// The user of our image.
const USER: u32 = 1001;
const PATIENCE: Duration = Duration::from_secs(20);
/// Docker asks for ten seconds; ours is done much sooner.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// What `$1` is made of: the image's root file system, and `$2` the volume. The rest is the command line.
const SCRIPT: &str = r#"
mount --bind "$1" "$1"
VOLUME
mount -o remount,bind,ro "$1"
root=$1
shift 2
exec chroot --userspec=1001:1001 "$root" /mcp-mesh-registry "$@"
"#;
const BIND_VOLUME: &str = r#"mount --bind "$2" "$1/data""#;

/// An image of one program, and a volume.
struct Image {
    folder: TempDir,
    port: u16,
}

impl Image {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let image = Self {
            folder,
            port: mesh_test::free_port().expect("a port"),
        };
        fs::set_permissions(image.folder.path(), Permissions::from_mode(0o755))
            .expect("it is ours");
        fs::create_dir_all(image.root().join("data")).expect("the folder is writable");
        fs::create_dir(image.volume()).expect("the folder is writable");
        chown(image.volume(), Some(USER), Some(USER)).expect("giving away takes root");
        fs::copy(PROGRAM, image.root().join("mcp-mesh-registry")).expect("it is copied");
        // The image's own program is static; this one needs its libraries where they are.
        let listed = Command::new("ldd").arg(PROGRAM).output().expect("ldd runs");
        let listed = String::from_utf8(listed.stdout).expect("UTF-8");
        for library in listed
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
        {
            let inside = image.root().join(library.trim_start_matches('/'));
            fs::create_dir_all(inside.parent().expect("it is in a folder")).expect("a folder");
            fs::copy(library, inside).expect("it is copied");
        }
        image
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn volume(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("there is a log")
    }

    /// The names in the volume.
    fn left_behind(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.volume())
            .expect("a folder")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        names.sort();
        names
    }

    /// Runs it with what the lines of shell in `volume` mount.
    fn spawn(&self, host: &str, volume: &str) -> Container {
        let log = File::create(self.folder.path().join("log")).expect("a log");
        let unshare = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "sh", "-ec"])
            .arg(SCRIPT.replace("VOLUME", volume))
            .arg("sh")
            .args([self.root(), self.volume()])
            .args(["--host", host, "--port", &self.port.to_string()])
            .env_clear()
            .envs(essential_environment())
            .env("DATABASE_URL", "/data/registry.db")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("unshare runs");
        Container(unshare)
    }

    fn start(&self, host: &str) -> Container {
        let mut container = self.spawn(host, BIND_VOLUME);
        let started = Instant::now();
        while !self.check_health(host).success() {
            let ended = container.0.try_wait().expect("it can be asked");
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "{ended:?}: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(10));
        }
        container
    }

    /// As the container's runtime does it: by the program itself, inside.
    fn check_health(&self, host: &str) -> ExitStatus {
        Command::new("chroot")
            .arg("--userspec=1001:1001")
            .arg(self.root())
            .args(["/mcp-mesh-registry", "--healthcheck", "--host", host])
            .args(["--port", &self.port.to_string()])
            .env_clear()
            .envs(essential_environment())
            .stderr(Stdio::null())
            .status()
            .expect("chroot runs")
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> String {
        let mut connection =
            HttpConnection::open(([127, 0, 0, 1], self.port).into(), PATIENCE).expect("it listens");
        let answer = connection.send(method, path, body).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    /// What a container says that cannot use its volume; nothing but the log's first line came before.
    fn refusal(&self, volume: &str) -> String {
        let status = self.spawn("0.0.0.0", volume).wait(PATIENCE);
        let log = self.log();
        assert_eq!(status.code(), Some(1), "{log}");
        let (first, rest) = log.split_once('\n').expect("more than one line");
        assert!(
            first.contains("Starting MCP Mesh Registry Service"),
            "{log}"
        );
        rest.to_owned()
    }
}

/// Dropping it kills everything in it.
struct Container(Child);

impl Container {
    /// The registry's process, as this machine numbers it; nothing once it has ended.
    fn registry(&self) -> Option<u32> {
        let unshare = self.0.id();
        let children = format!("/proc/{unshare}/task/{unshare}/children");
        fs::read_to_string(children).ok()?.trim().parse().ok()
    }

    fn kill(&self, signal: &str) {
        let registry = self.registry().expect("it runs").to_string();
        let killed = Command::new("kill").args([signal, &registry]).status();
        assert!(killed.expect("kill runs").success());
    }

    fn wait(&mut self, limit: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("it can be asked") {
                return status;
            }
            assert!(started.elapsed() < limit, "it still runs after {limit:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Not by `unshare --kill-child`: the kernel forgets that when the registry changes its user.
        if let Some(registry) = self.registry() {
            let registry = registry.to_string();
            let _ = Command::new("kill").args(["-KILL", &registry]).status();
        }
        // It ends with the registry; one that is still before its fork is killed itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "mounts a disk, which takes root on Linux"]
fn process_1_serves_from_its_volume_alone_and_stops_in_time() {
    let image = Image::new();
    let mut container = image.start("0.0.0.0");
    let status =
        fs::read_to_string(format!("/proc/{}/status", container.registry().unwrap())).unwrap();
    let line = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("{status}"))
            .trim()
            .to_owned()
    };
    assert!(line("NSpid:").ends_with("\t1"), "{status}");
    assert_eq!(line("Uid:"), "1001\t1001\t1001\t1001");
    for id in 0..50 {
        let registration = format!(
            r#"{{"agent_id":"a-{id}","tools":[{{"function_name":"f","capability":"c{}"}}]}}"#,
            "x".repeat(200)
        );
        let answer = image.ask("POST", "/heartbeat", registration.as_bytes());
        assert!(answer.contains(r#""status":"success""#), "{answer}");
    }
    let events = image.ask("GET", "/events?limit=100", b"");
    assert!(events.contains(r#""agent_id":"a-49""#), "{events}");

    let asked = Instant::now();
    container.kill("-TERM");
    assert!(container.wait(STOP_LIMIT).success(), "{}", image.log());
    assert!(asked.elapsed() < STOP_LIMIT);
    assert_eq!(image.left_behind(), ["registry.db", "registry.db.lock"]);
}

#[test]
#[ignore = "mounts a disk, which takes root on Linux"]
fn localhost_needs_no_file_of_hosts() {
    let image = Image::new();
    let mut container = image.start("localhost");
    container.kill("-TERM");
    assert!(container.wait(STOP_LIMIT).success(), "{}", image.log());
}

#[test]
#[ignore = "mounts a disk, which takes root on Linux"]
fn a_killed_container_goes_on_with_its_data() {
    let image = Image::new();
    let mut container = image.start("0.0.0.0");
    image.ask("POST", "/heartbeat", br#"{"agent_id":"a-1"}"#);
    container.kill("-KILL");
    container.wait(STOP_LIMIT);
    let _container = image.start("0.0.0.0");
    let agents = image.ask("GET", "/agents", b"");
    assert!(agents.contains(r#""id":"a-1""#), "{agents}");
}

#[test]
#[ignore = "mounts a disk, which takes root on Linux"]
fn a_volume_that_cannot_be_used_is_named_with_a_cure_and_left_alone() {
    let image = Image::new();
    let read_only = format!("{BIND_VOLUME}\nmount -o remount,bind,ro \"$1/data\"");
    insta::assert_snapshot!(image.refusal(&read_only), @r"
    Error: user 1001 cannot write the database `/data/registry.db`: its file system is read-only
    Hint: mount its folder for writing, or set `DATABASE_URL` to a file elsewhere
    ");
    assert_eq!(image.left_behind(), [""; 0]);

    chown(image.volume(), Some(0), Some(0)).unwrap();
    insta::assert_snapshot!(image.refusal(BIND_VOLUME), @r"
    Error: user 1001 has no permission to write the database `/data/registry.db`
    Hint: give its folder to that user with `chown 1001 /data`, or set `DATABASE_URL` to a file elsewhere
    ");

    // Not even our own file helps where nothing can be made beside it.
    for name in ["registry.db", "registry.db.lock"] {
        fs::write(image.volume().join(name), "").unwrap();
        chown(image.volume().join(name), Some(USER), Some(USER)).unwrap();
    }
    insta::assert_snapshot!(image.refusal(BIND_VOLUME), @r"
    Error: user 1001 has no permission to write the database `/data/registry.db`
    Hint: give both to that user with `chown 1001 /data /data/registry.db*`, or set `DATABASE_URL` to a file elsewhere
    ");
    assert_eq!(image.left_behind(), ["registry.db", "registry.db.lock"]);

    chown(image.volume(), Some(USER), Some(USER)).unwrap();
    fs::write(image.volume().join("registry.db"), "somebody's").unwrap();
    chown(image.volume().join("registry.db"), Some(0), Some(0)).unwrap();
    insta::assert_snapshot!(image.refusal(BIND_VOLUME), @r"
    Error: user 1001 has no permission to write the database `/data/registry.db`
    Hint: give both to that user with `chown 1001 /data /data/registry.db*`, or set `DATABASE_URL` to a file elsewhere
    ");
    let untouched = fs::read_to_string(image.volume().join("registry.db"));
    assert_eq!(untouched.unwrap(), "somebody's");
}

#[test]
#[ignore = "mounts a disk, which takes root on Linux"]
fn a_volume_that_is_full_or_missing_is_named_with_a_cure() {
    let image = Image::new();
    let full = r#"
mount -t tmpfs -o size=16k,uid=1001 tmpfs "$1/data"
head -c 1M /dev/zero 2>&- >"$1/data/ballast" || true"#;
    insta::assert_snapshot!(image.refusal(full), @r"
    Error: failed to write the header in the database `/data/registry.db`: the disk is full
    Hint: free some space, or set `DATABASE_URL` to a file on another disk
    ");

    fs::remove_dir(image.root().join("data")).unwrap();
    insta::assert_snapshot!(image.refusal("true"), @r"
    Error: user 1001 cannot write the database `/data/registry.db`: its file system is read-only
    Hint: mount its folder for writing, or set `DATABASE_URL` to a file elsewhere
    ");

    fs::write(image.root().join("data"), "").unwrap();
    insta::assert_snapshot!(image.refusal("true"), @r"
    Error: `/data` is a file, and the database needs a folder there
    Hint: move it away, or set `DATABASE_URL` to a file elsewhere
    ");
    assert_eq!(image.left_behind(), [""; 0]);
}
