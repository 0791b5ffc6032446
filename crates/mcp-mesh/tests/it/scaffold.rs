//! `meshctl scaffold`: what it writes, what it refuses, and that a refusal leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mesh_test::{TestContext, mesh_snapshot, test_context};

/// The files below `folder`, by path.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(&path).expect("a folder").flatten() {
            if entry.file_type().expect("a file of some kind").is_dir() {
                waiting.push(entry.path());
            } else {
                let path = entry.path();
                let relative = path.strip_prefix(folder).expect("it lies in the folder");
                found.insert(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found
}

fn run(context: &TestContext, arguments: &[&str]) -> String {
    let output = context.meshctl().arg("scaffold").args(arguments).output();
    let output = output.expect("meshctl can be run");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn an_agent_is_written_with_the_next_steps() {
    let context = test_context!();
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "basic", "--name", "greeter"]), @r"
        exit: 0
        ----- stdout -----
        Created agent 'greeter' in greeter/

        greeter/
        ├── .dockerignore
        ├── Dockerfile
        ├── README.md
        ├── __init__.py
        ├── __main__.py
        ├── helm-values.yaml
        ├── main.py
        └── requirements.txt

        Next steps:
          pip install -r greeter/requirements.txt
          meshctl start -d greeter
          meshctl call greeter:hello
        ----- stderr -----
        ");
    let main = fs::read_to_string(context.home().join("greeter/main.py")).unwrap();
    assert!(main.contains("return \"Not implemented\"") && main.contains("http_port=8080"));
    let requirements = fs::read_to_string(context.home().join("greeter/requirements.txt")).unwrap();
    let major = mesh_core::VERSION.split('.').next().unwrap();
    assert!(
        requirements.ends_with(&format!("mcp-mesh>={major}\n")),
        "{requirements}"
    );
}

#[test]
fn a_second_agent_gets_the_next_port_and_nobodys_files_are_touched() {
    let context = test_context!();
    run(&context, &["basic", "--name", "one"]);
    let main = context.home().join("one/main.py");
    fs::write(
        &main,
        "import mesh\n@mesh.agent(name='one', http_port=8085)\nclass One: ...\n",
    )
    .unwrap();
    let second = context
        .meshctl()
        .args(["scaffold", "api", "-n", "two"])
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(second.stderr).unwrap(),
        "Other agents are here already: 'two' has port 8086\n"
    );
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "basic", "--name", "one"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `one` has `main.py` and 7 other files already; nothing was written
        Hint: choose another name or `--output`, or replace the files with `--force`
        ");
    assert!(
        fs::read_to_string(&main)
            .unwrap()
            .starts_with("import mesh")
    );
    run(&context, &["basic", "--name", "one", "--force"]);
    assert!(
        fs::read_to_string(&main)
            .unwrap()
            .contains("http_port=8087")
    );
    assert!(
        files(context.home())
            .iter()
            .all(|path| !path.starts_with('.'))
    );
}

#[test]
fn a_dry_run_prints_the_files_and_writes_none() {
    let context = test_context!();
    let shown = run(&context, &["llm", "--dry-run", "--vendor", "openai"]);
    assert!(shown.starts_with("Would create the llm agent 'llm-consumer' (Python, port 8080)"));
    assert!(shown.contains("==> llm-consumer/main.py <=="), "{shown}");
    assert!(
        shown.contains("\"tags\": [\"llm\", \"+openai\"]"),
        "{shown}"
    );
    assert_eq!(files(context.home()), BTreeSet::new());
}

#[test]
fn programs_get_json() {
    let context = test_context!();
    let shown = run(
        &context,
        &[
            "llm-provider",
            "--json",
            "--model",
            "mistral/large",
            "-o",
            "a/b",
        ],
    );
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    insta::assert_json_snapshot!(shown, @r#"
    {
      "dry_run": false,
      "files": [
        {
          "path": ".dockerignore"
        },
        {
          "path": "Dockerfile"
        },
        {
          "path": "README.md"
        },
        {
          "path": "__init__.py"
        },
        {
          "path": "__main__.py"
        },
        {
          "path": "helm-values.yaml"
        },
        {
          "path": "main.py"
        },
        {
          "path": "requirements.txt"
        }
      ],
      "folder": "a/b/claude-provider",
      "kind": "llm-provider",
      "language": "python",
      "name": "claude-provider",
      "next_steps": [
        "pip install -r a/b/claude-provider/requirements.txt",
        "meshctl start -d a/b/claude-provider",
        "meshctl scaffold llm --vendor claude"
      ],
      "port": 8080
    }
    "#);
    let requirements = context.home().join("a/b/claude-provider/requirements.txt");
    assert!(
        fs::read_to_string(requirements)
            .unwrap()
            .contains("mcp-mesh[litellm]>=")
    );
}

#[test]
fn every_kind_in_every_language_has_its_files() {
    let context = test_context!();
    let kinds: [(&str, &[&str]); 5] = [
        ("basic", &[]),
        (
            "llm",
            &[
                "--response-format",
                "json",
                "--filter",
                r#"[{"tags":["a",["b","c"]]},"d"]"#,
            ],
        ),
        ("llm-provider", &[]),
        ("a2a-consumer", &["--offline"]),
        ("api", &["--tags", "a,b"]),
    ];
    for (kind, more) in kinds {
        for (language, expected) in [
            (
                "python",
                "Dockerfile __init__.py __main__.py main.py requirements.txt",
            ),
            (
                "typescript",
                "Dockerfile package.json src/index.ts tsconfig.json",
            ),
            (
                "java",
                "Dockerfile pom.xml src/main/java/com/example/myagent/MyAgentApplication.java \
                 src/main/resources/application.yml",
            ),
        ] {
            let output = format!("{kind}-{language}");
            let base = ["-n", "my-agent", "-l", language, "-o", &output];
            run(&context, &[&[kind], more, &base].concat());
            let mut expected: BTreeSet<String> = expected
                .split(' ')
                .chain([".dockerignore", "README.md", "helm-values.yaml"])
                .map(str::to_owned)
                .collect();
            if kind == "llm" {
                expected.insert(
                    match language {
                        "python" => "prompts/my-agent.jinja2",
                        "typescript" => "prompts/my-agent.hbs",
                        _ => "src/main/resources/prompts/my-agent.ftl",
                    }
                    .to_owned(),
                );
            }
            let folder = context.home().join(&output).join("my-agent");
            assert_eq!(files(&folder), expected, "{output}");
            for path in files(&folder) {
                let text = fs::read_to_string(folder.join(&path)).unwrap();
                assert!(
                    text.ends_with('\n') && !text.ends_with("\n\n"),
                    "{output}/{path}"
                );
                assert!(
                    !text.contains("\n\n\n\n") && !text.contains(" \n"),
                    "{output}/{path}"
                );
            }
        }
    }
}

#[test]
fn the_former_flags_work_with_a_warning() {
    let context = test_context!();
    for (former, kind) in [
        ("tool", "basic"),
        ("llm-agent", "llm"),
        ("llm-provider", "llm-provider"),
    ] {
        let mut command = context.meshctl();
        command.args([
            "scaffold",
            "--agent-type",
            former,
            "-n",
            "a",
            "--dry-run",
            "--json",
        ]);
        let output = command.output().unwrap();
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            format!("Warning: --agent-type is deprecated; use 'meshctl scaffold {kind}'\n")
        );
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown["kind"], kind);
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let context = test_context!();
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "basic"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: --name is required
        Hint: for instance `meshctl scaffold basic --name my-agent`
        ");
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "basic", "-n", "1a"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value '1a' for '--name <NAME>': `1a` is no name for an agent: a letter, then letters, digits, `-` and `_`, 63 characters at most

        For more information, try '--help'.
        ");
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "llm-provider", "--model", ""]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value '' for '--model <MODEL>': `` is no model: use `vendor/model`, such as `anthropic/claude-sonnet-5`

        For more information, try '--help'.
        ");
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "llm", "--filter", "{\"tag\":[]}"]), @r#"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: invalid value '{"tag":[]}' for '--filter <FILTER>': `{"tag":[]}` is no filter: unknown field `tag`, expected one of `capability`, `tags`, `version`

        For more information, try '--help'.
        "#);
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "llm", "--context-param", "class"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `class` cannot be the name of a parameter
        Hint: use a word of letters, digits and `_` for `--context-param`
        ");
    mesh_snapshot!(context, context.meshctl().args(["scaffold", "--agent-type", "api", "-n", "a"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: there is no `--agent-type api`
        Hint: use `meshctl scaffold api`
        ");
    let _ = context.write("file", "");
    let refused = context
        .meshctl()
        .args(["scaffold", "basic", "-n", "a", "-o", "file"])
        .output();
    assert!(
        String::from_utf8(refused.unwrap().stderr)
            .unwrap()
            .starts_with("Error: cannot create `file`")
    );
    assert_eq!(files(context.home()), BTreeSet::from(["file".to_owned()]));
}

#[test]
fn templates_of_ones_own_replace_ours() {
    let context = test_context!();
    let _ = context.write(
        "own/python/basic/main.py.j2",
        "# {{ name }} on {{ port }}\n",
    );
    run(&context, &["basic", "-n", "mine", "--template-dir", "own"]);
    let main = fs::read_to_string(context.home().join("mine/main.py")).unwrap();
    assert_eq!(main, "# mine on 8080\n");
    let _ = context.write("own/python/basic/main.py.j2", "{{ nothing }}");
    mesh_snapshot!(
        context,
        context.meshctl().args(["scaffold", "basic", "-n", "other", "--template-dir", "own"]),
        @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: cannot fill in the template `main.py`: undefined value (in python/basic/main.py:1)
        "
    );
    assert!(!context.home().join("other").exists());
}

/// A server of cards on loopback: what it answers to a path, and never to another.
struct Cards {
    address: std::net::SocketAddr,
}

impl Cards {
    /// Answers every request by `answer`, which gets its path; without an answer it stays silent.
    fn serve(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> Self {
        use std::io::{BufRead as _, BufReader, Write as _};

        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().flatten() {
                let mut lines =
                    BufReader::new(stream.try_clone().expect("a second handle")).lines();
                let Some(Ok(request)) = lines.next() else {
                    continue;
                };
                let headers = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty());
                assert!(headers.count() > 0);
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                match answer(&path) {
                    // The client may have seen enough.
                    Some(text) => drop((&stream).write_all(text.as_bytes())),
                    None => silent.push(stream),
                }
            }
        });
        Self { address }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const CARD: &str = r#"{
    "name": "dates", "description": "Knows the date", "authentication": {"schemes": ["bearer"]},
    "skills": [
        {"id": "get-date", "description": "Say the \"date\"", "tags": ["time"]},
        {"id": "get date", "name": "Again"},
        {"id": "class"}
    ]
}"#;

#[test]
fn an_agent_outside_becomes_tools() {
    let context = test_context!();
    let cards = Cards::serve(|path| match path {
        "/agents/date/.well-known/agent.json" => {
            Some("HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: /card\r\n\r\n".to_owned())
        }
        "/new/.well-known/agent-card.json" | "/card" => Some(ok(CARD)),
        _ => Some("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n".to_owned()),
    });
    for (name, path) in [("older", "/agents/date"), ("newer", "/new/")] {
        let url = cards.url(path);
        let arguments = ["a2a-consumer", "--url", &url, "-n", name];
        run(
            &context,
            &[&arguments[..], &["--allow-private-network"]].concat(),
        );
        let main = fs::read_to_string(context.home().join(name).join("main.py")).unwrap();
        assert!(
            main.contains(&format!("URL = \"{}\"", url.trim_end_matches('/'))),
            "{main}"
        );
        for line in [
            "token_env=\"A2A_BEARER_TOKEN\"",
            "a2a_skill_id=\"get date\"",
            "async def get_date(",
            "async def get_date_2(",
            "async def class_tool(",
            "description='Say the \"date\"'",
        ] {
            assert!(main.contains(line), "no {line} in\n{main}");
        }
    }
}

#[test]
fn an_agent_outside_that_sends_no_card_is_told_apart() {
    let context = test_context!();
    let cards = Cards::serve(|path| match path {
        "/html/.well-known/agent.json" => Some(ok("<html>")),
        "/empty/.well-known/agent.json" => Some(ok(r#"{"name": "x", "skills": []}"#)),
        "/large/.well-known/agent.json" => Some(ok(&"x".repeat((1 << 20) + 1))),
        "/broken/.well-known/agent.json" => Some("HTTP/1.1 500 Oops\r\n\r\n".to_owned()),
        "/silent/.well-known/agent.json" => None,
        _ => Some(format!(
            "HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {path}\r\n\r\n"
        )),
    });
    let refusal = |path: &str, more: &[&str]| {
        let url = cards.url(path);
        let mut command = context.meshctl();
        command.args(["scaffold", "a2a-consumer", "-n", "bridge", "--url", &url]);
        let output = command.args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        text.replace(&cards.address.to_string(), "[AGENT]")
    };
    let allowed = &["--allow-private-network"][..];
    insta::assert_snapshot!(refusal("/html", &[]), @r"
    Error: `http://[AGENT]/html/.well-known/agent.json` leads to 127.0.0.1, which is not a public address
    Hint: add `--allow-private-network` if that is the agent which you mean
    ");
    insta::assert_snapshot!(refusal("/html", allowed), @r"
    Error: `http://[AGENT]/html/.well-known/agent.json` sent no card: it is no JSON: expected value at line 1 column 1
    Hint: look at that address, or leave blanks with `--offline`
    ");
    insta::assert_snapshot!(refusal("/empty", allowed), @r"
    Error: the card of `http://[AGENT]/empty` names no skills
    Hint: ask whoever runs that agent, or fill in the blanks of `--offline`
    ");
    insta::assert_snapshot!(refusal("/large", allowed), @r"
    Error: `http://[AGENT]/large/.well-known/agent.json` sent no card: it is larger than 1048576 bytes
    Hint: look at that address, or leave blanks with `--offline`
    ");
    insta::assert_snapshot!(refusal("/broken", allowed), @r"
    Error: `http://[AGENT]/broken/.well-known/agent.json` sent no card: it answers with 500 Internal Server Error
    Hint: look at that address, or leave blanks with `--offline`
    ");
    insta::assert_snapshot!(refusal("/loop", allowed), @r"
    Error: `http://[AGENT]/loop/.well-known/agent.json` sent no card: it redirects without end
    Hint: look at that address, or leave blanks with `--offline`
    ");
    insta::assert_snapshot!(refusal("/silent", allowed), @r"
    Error: `http://[AGENT]/silent/.well-known/agent.json` sent no card within 10s
    Hint: try again, or leave blanks with `--offline`
    ");
    assert_eq!(files(context.home()), BTreeSet::new());
}
