//! A `start` whose registry does not start, or is another; and one that is interrupted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::stage::Stage;
use mesh_test::{mesh_snapshot, session};

impl Stage {
    /// A `meshctl` beside a registry that is this script.
    pub(crate) fn beside(&self, registry: &str) -> impl Fn() -> Command + use<> {
        let program = self.context.home().join("bin/meshctl");
        if !program.exists() {
            self.file("bin/mcp-mesh-registry", registry);
            fs::hard_link(self.meshctl().get_program(), &program)
                .or_else(|_| fs::copy(self.meshctl().get_program(), &program).map(drop))
                .expect("the home is writable");
        }
        let script = program.with_file_name("mcp-mesh-registry");
        // Nobody may start a program while it is being written.
        let fresh = script.with_extension("new");
        fs::write(&fresh, registry).expect("the home is writable");
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).expect("it is ours");
        fs::rename(fresh, script).expect("the home is writable");
        let meshctl = self.meshctl();
        move || {
            let mut command = Command::new(&program);
            command.env_clear();
            command.envs(
                meshctl
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
            command.current_dir(meshctl.get_current_dir().expect("the home"));
            command
        }
    }
}

#[test]
fn a_registry_that_does_not_start_is_quoted_and_ended() {
    let stage = Stage::new().with_agent("greeter");
    let mut shown = String::new();
    for (registry, line) in [
        (
            "#!/bin/sh\necho out of luck\nexit 3\n",
            "start -d greeter.py",
        ),
        (
            "#!/bin/sh\nexec sleep 600\n",
            "start --registry-only -d --startup-timeout 1 --exit-code",
        ),
        (
            "#!/bin/sh\necho nonsense > /dev/fd/$MCP_MESH_READY_FD\nexec sleep 600\n",
            "start -d greeter.py",
        ),
        (
            "#!/bin/sh\necho '{\"error\": \"no luck\"}' > /dev/fd/$MCP_MESH_READY_FD\nexec sleep 600\n",
            "registry start",
        ),
        ("#!/nowhere/interpreter\n", "start -d greeter.py"),
    ] {
        shown.push_str(&session(stage.beside(registry), &[line]));
        assert_eq!(stage.context.strays(), []);
        assert_eq!(stage.pid("registry"), None);
    }
    mesh_snapshot!(stage, said: shown, @r"
        $ meshctl start -d greeter.py
        The last lines of `[HOME]/.mcp-mesh/logs/registry.log`:
          | out of luck
        Error: the registry ended at once (exit status: 3)
        Hint: its whole log: `meshctl logs registry`
        exit: 1
        $ meshctl start --registry-only -d --startup-timeout 1 --exit-code
        Error: the registry did not answer within 1 s
        Hint: raise `--startup-timeout`, or read its log: `meshctl logs registry`
        exit: 8
        $ meshctl start -d greeter.py
        Error: the registry reported `nonsense`
        Hint: its whole log: `meshctl logs registry`
        exit: 1
        $ meshctl registry start
        Error: the registry failed to start: no luck
        Hint: its whole log: `meshctl logs registry`
        exit: 1
        $ meshctl start -d greeter.py
        Error: cannot run `[HOME]/bin/mcp-mesh-registry`: No such file or directory (os error 2)
        exit: 1
        ");
}

#[test]
fn one_home_has_one_registry() {
    let stage = Stage::new().with_agent("greeter");
    stage.run(&["start", "--registry-only", "-d"]);
    let port = mesh_test::free_port().unwrap();
    let lines = [
        format!("start -d greeter.py --registry-port {port} --exit-code"),
        format!("start -d greeter.py --registry-url https://localhost:{port}"),
        format!("start -d greeter.py --registry-url http://localhost:{port}/below"),
        "start -d greeter.py --registry-url http://mesh.invalid:1".to_owned(),
    ];
    let said = session(|| stage.meshctl(), &lines).replace(&port.to_string(), "[ANOTHER]");
    mesh_snapshot!(stage, said: said, @r"
        $ meshctl start -d greeter.py --registry-port [ANOTHER] --exit-code
        Error: another registry (PID [PID]) runs at http://localhost:[PORT], not at http://localhost:[ANOTHER]
        Hint: use it with `--registry-url`, or stop it with `meshctl stop --registry`
        exit: 6
        $ meshctl start -d greeter.py --registry-url https://localhost:[ANOTHER]
        Error: failed to reach the registry at `https://localhost:[ANOTHER]`: Connection refused
        Hint: a registry that is started here serves plain `http` without a path
        exit: 1
        $ meshctl start -d greeter.py --registry-url http://localhost:[ANOTHER]/below
        Error: failed to reach the registry at `http://localhost:[ANOTHER]/below`: Connection refused
        Hint: a registry that is started here serves plain `http` without a path
        exit: 1
        $ meshctl start -d greeter.py --registry-url http://mesh.invalid:1
        Error: failed to reach the registry at `http://mesh.invalid:1`: failed to lookup address information: Name or service not known
        Hint: start one with `meshctl start --registry-only`, or check its address
        exit: 1
        ");
}

#[test]
fn agents_that_are_no_projects_are_named() {
    let stage = Stage::new();
    stage.file("Alone.java", "class Alone {}");
    let lines = [
        "start -d Alone.java --exit-code",
        "start -d greeter.py --user nobody-of-that-name",
    ];
    mesh_snapshot!(stage, said: session(|| stage.meshctl(), &lines), @r"
        $ meshctl start -d Alone.java --exit-code
        Error: no `pom.xml` is above `Alone.java`
        Hint: start a jar, or the folder of a Maven project
        exit: 3
        $ meshctl start -d greeter.py --user nobody-of-that-name
        Error: there is no user `nobody-of-that-name`
        Hint: use a name that this system knows, or a number
        exit: 1
        ");
}

#[test]
fn an_interrupt_while_agents_register_ends_them() {
    let stage = Stage::new().with_changed_agent("silent", "time.sleep(600)");
    let mut start = stage
        .meshctl()
        .args(["start", "-d", "silent.py"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.until("the agent is recorded", |stage| {
        stage.pid("silent").is_some()
    });
    let pid = start.id().to_string();
    let kill = Command::new("kill").args(["-INT", &pid]).status();
    assert!(kill.unwrap().success());
    assert_eq!(start.wait().unwrap().code(), Some(1));
    let output = start.wait_with_output().unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        shown,
        "Error: interrupted before the agents were registered\n"
    );
    assert_eq!(stage.context.strays(), []);
    assert_eq!(stage.left_in("pids"), [] as [String; 0]);
}
