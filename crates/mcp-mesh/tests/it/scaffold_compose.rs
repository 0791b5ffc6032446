//! `meshctl scaffold --config`, `--compose` and `--observability`: one file for an agent, one for all.

use std::fs;

use mesh_test::{TestContext, mesh_snapshot, test_context};

fn with_agents() -> TestContext {
    let context = test_context!();
    for (kind, language, name) in [
        ("basic", "python", "one"),
        ("api", "typescript", "two"),
        ("basic", "java", "three"),
    ] {
        let mut command = context.meshctl();
        command.args(["scaffold", kind, "-l", language, "-n", name]);
        assert!(
            command
                .output()
                .expect("meshctl can be run")
                .status
                .success()
        );
    }
    context
}

fn read(context: &TestContext, name: &str) -> String {
    fs::read_to_string(context.home().join(name)).expect("UTF-8")
}

#[test]
fn agents_of_all_languages_get_one_file() {
    let context = with_agents();
    let mut command = context.meshctl();
    command.args(["scaffold", "--compose", "--project-name", "p"]);
    mesh_snapshot!(context, command, @r"
        exit: 0
        ----- stdout -----
        Wrote docker-compose.yml:
          one (port 8080)
          three (port 8082)
          two (port 8081)
          postgres, registry

        Next steps:
          docker compose -f docker-compose.yml up --wait
        ----- stderr -----
        Passwords were made and are in .env: keep it out of version control
        ");
    let file = read(&context, "docker-compose.yml");
    for line in [
        "one-packages:",
        "two-node_modules:",
        "three-maven-repo:",
        "mkdir -p /home/mcp-mesh",
        "MCP_MESH_HTTP_PORT: \"8081\"",
        "name: p-network",
    ] {
        assert!(file.contains(line), "no {line} in\n{file}");
    }
    let secrets = read(&context, ".env");
    let password = secrets
        .lines()
        .last()
        .unwrap()
        .strip_prefix("POSTGRES_PASSWORD=")
        .unwrap();
    assert!(password.len() == 32 && !file.contains(password));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(context.home().join(".env"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_somebody_wrote_into_the_file_stays() {
    let context = with_agents();
    let mine = "# mine\nservices:\n  two: # by hand\n    image: mine:1\n\n  # the last\n  db:\n    image: db:1\n";
    let _ = context.write("docker-compose.yml", mine);
    let _ = context.write(".env", "POSTGRES_PASSWORD=known");
    let mut command = context.meshctl();
    command.args(["scaffold", "--compose", "--json", "--observability"]);
    let output = command.output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["kept"], serde_json::json!(["two"]));
    assert_eq!(
        said["added"],
        serde_json::json!([
            "postgres", "registry", "redis", "tempo", "grafana", "one", "three"
        ])
    );
    assert_eq!(said["traced"], serde_json::json!(["two"]));
    let file = read(&context, "docker-compose.yml");
    let added = "    environment:\n      MCP_MESH_DISTRIBUTED_TRACING_ENABLED: \"true\"\n      REDIS_URL: \"redis://redis:6379\"\n";
    assert!(file.contains(added), "{file}");
    assert!(
        file.replace(added, "").starts_with(mine.trim_end()),
        "{file}"
    );
    let secrets = read(&context, ".env");
    assert!(
        secrets.starts_with("POSTGRES_PASSWORD=known\nGRAFANA_PASSWORD="),
        "{secrets}"
    );
    assert!(
        context
            .home()
            .join("grafana/provisioning/datasources/datasources.yaml")
            .exists()
    );
    let again = context
        .meshctl()
        .args(["scaffold", "--compose"])
        .output()
        .unwrap();
    assert!(
        String::from_utf8(again.stdout)
            .unwrap()
            .starts_with("docker-compose.yml has all of them")
    );
    assert_eq!(read(&context, "docker-compose.yml"), file);
}

#[test]
fn traces_alone_have_a_file_of_their_own() {
    let context = test_context!();
    let mut command = context.meshctl();
    command.args(["scaffold", "--observability", "--project-name", "p"]);
    mesh_snapshot!(context, command, @r"
        exit: 0
        ----- stdout -----
        Wrote docker-compose.observability.yml:
          redis, tempo, grafana

        Next steps:
          docker compose -f docker-compose.observability.yml up --wait
        ----- stderr -----
        Passwords were made and are in .env: keep it out of version control
        ");
    assert!(context.home().join("tempo.yaml").exists());
}

#[test]
fn what_cannot_become_one_file_is_told() {
    let context = test_context!();
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "--compose"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: there are no agents in `.`
        Hint: write one with `meshctl scaffold basic --name my-agent`
        ");
    for name in ["a", "b"] {
        let arguments = ["scaffold", "basic", "-n", name, "-p", "8080"];
        assert!(
            context
                .meshctl()
                .args(arguments)
                .output()
                .unwrap()
                .status
                .success()
        );
    }
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "--compose"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `a` and `b` both have port 8080
        Hint: give one of them another port in its source
        ");
    let _ = context.write("b/main.py", "");
    let _ = context.write("docker-compose.yml", "services: {x: {image: y}}\n");
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "--compose"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: cannot add to `docker-compose.yml`: a section of it is written in one line, or with quotation marks
        Hint: write it anew with `--force`, or into another folder with `--output`
        ");
    assert_eq!(
        read(&context, "docker-compose.yml"),
        "services: {x: {image: y}}\n"
    );
    assert!(!context.home().join(".env").exists());
}

#[test]
fn a_file_says_what_flags_would() {
    let context = test_context!();
    let _ = context.write(
        "agent.yaml",
        "agent_type: tool\nname: from-file\nport: 8100\ndescription: Says things\nlanguage: ts\n\
         tools:\n  - name: say-it\n    description: Say it\n  - name: say_it\ntags: [a]\n",
    );
    let mut command = context.meshctl();
    command.args([
        "scaffold",
        "--config",
        "agent.yaml",
        "-p",
        "8101",
        "-l",
        "py",
    ]);
    assert!(command.output().unwrap().status.success());
    let main = read(&context, "from-file/main.py");
    for line in [
        "http_port=8101",
        "async def say_it(",
        "async def say_it_2(",
        "tags=[\"a\"]",
    ] {
        assert!(main.contains(line), "no {line} in\n{main}");
    }
    let _ = context.write(
        "llm.yaml",
        "agent_type: llm-agent\nname: asks\nllm:\n  provider_tags: [llm, fast]\n  filter:\n    - tags: [x]\n",
    );
    let mut command = context.meshctl();
    assert!(
        command
            .args(["scaffold", "--config", "llm.yaml"])
            .output()
            .unwrap()
            .status
            .success()
    );
    let main = read(&context, "asks/main.py");
    assert!(
        main.contains("\"tags\": [\"llm\", \"fast\"]")
            && main.contains("filter=[{\"tags\": [\"x\"]}]")
    );
}

#[test]
fn a_wrong_key_is_named_with_its_line() {
    let context = test_context!();
    let _ = context.write("agent.yaml", "name: x\nllm:\n  max_iteration: 2\n");
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "--config", "agent.yaml"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `agent.yaml`:3: there is no key `max_iteration`
        Hint: did you mean `max_iterations`?
        ");
    let _ = context.write("agent.yaml", "agent_type: basic\n");
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "--config", "agent.yaml"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `agent.yaml`: it has no `name`
        Hint: correct the file; `meshctl scaffold --help` says what flags take
        ");
}
