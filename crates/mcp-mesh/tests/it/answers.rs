//! Whatever a command asks of the registry: one that is away, fails, hangs or is none is told of in
//! the same words by all of them.

use std::net::TcpListener;
use std::process::Command;
use std::thread;

use mesh_core::env::EnvVars;
use mesh_test::{Script, ScriptedServer, TestContext, mesh_snapshot, session, test_context};

const TRACE: &str = "trace 0123456789abcdef0123456789abcdef --retries 0";

/// Every command with a question; those that take a limit for the answer.
const QUESTIONS: [&str; 16] = [
    "list --tools",
    "list --tools=book",
    "list --services",
    "list --schemas",
    "audit greeter",
    "schema diff one other",
    "call book",
    TRACE,
    "job status 1",
    "job reclaim 1",
    "job list",
    "job events 1",
    "registry drain",
    "registry resume",
    "registry status",
    "list",
];
/// And those that wait for the answer as long as they always do.
const OTHERS: [&str; 3] = ["status", "status greeter", "entity rotate"];

/// What each of `lines` is told by the registry at `url`, answers that are alike once.
fn told<'a>(
    context: &TestContext,
    url: &str,
    lines: impl Iterator<Item = &'a str>,
    more: &str,
) -> String {
    let meshctl = context.meshctl();
    let variables: Vec<_> = meshctl
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    // A context belongs to one thread, and these are asked at once.
    let meshctl = || {
        let mut command = Command::new(meshctl.get_program());
        command.env_clear().envs(variables.iter().copied());
        command.env(EnvVars::MCP_MESH_REGISTRY_URL, url);
        command
    };
    let meshctl = &meshctl;
    let answers: Vec<(&str, String)> = thread::scope(|scope| {
        let asking: Vec<_> = lines
            .map(|line| {
                let typed = format!("{line} --exit-code{more}");
                (line, scope.spawn(move || session(meshctl, &[typed])))
            })
            .collect();
        let answered = asking.into_iter();
        answered
            .map(|(line, answer)| (line, answer.join().expect("it ends")))
            .collect()
    });
    let mut groups: Vec<(Vec<&str>, String)> = Vec::new();
    for (line, answer) in answers {
        let (_, answer) = answer.split_once('\n').expect("a line that was typed");
        match groups.iter_mut().find(|(_, known)| known == answer) {
            Some((lines, _)) => lines.push(line),
            None => groups.push((vec![line], answer.to_owned())),
        }
    }
    let groups = groups.into_iter();
    let told = groups.map(|(lines, answer)| {
        let lines = lines.join("\n$ meshctl ");
        format!("$ meshctl {lines}\n{answer}")
    });
    told.collect::<Vec<_>>().concat().replace(url, "[URL]")
}

fn everything() -> impl Iterator<Item = &'static str> {
    QUESTIONS.into_iter().chain(OTHERS)
}

#[test]
fn a_registry_that_is_away_is_named_with_what_starts_one() {
    let context = test_context!();
    let url = format!("http://127.0.0.1:{}", mesh_test::free_port().unwrap());
    mesh_snapshot!(context, said: told(&context, &url, everything(), ""), @r"
        $ meshctl list --tools
        $ meshctl list --tools=book
        $ meshctl list --services
        $ meshctl list --schemas
        $ meshctl audit greeter
        $ meshctl schema diff one other
        $ meshctl call book
        $ meshctl trace 0123456789abcdef0123456789abcdef --retries 0
        $ meshctl job status 1
        $ meshctl job reclaim 1
        $ meshctl job list
        $ meshctl job events 1
        $ meshctl registry drain
        $ meshctl registry resume
        $ meshctl registry status
        $ meshctl status
        $ meshctl status greeter
        $ meshctl entity rotate
        Error: failed to reach the registry at `[URL]`: Connection refused
        Hint: start one with `meshctl start --registry-only`, or check its address
        exit: 4
        $ meshctl list
        Registry: not running ([URL])
        exit: 4
        ");
}

#[test]
fn a_registry_that_fails_is_quoted() {
    let context = test_context!();
    let server = ScriptedServer::start(|_| {
        let body = r#"{"error":"the database is locked"}"#;
        Script::body(500, "application/json", body)
    });
    mesh_snapshot!(context, said: told(&context, &server.url(), everything(), ""), @r"
        $ meshctl list --tools
        $ meshctl list --tools=book
        $ meshctl list --services
        $ meshctl list --schemas
        $ meshctl audit greeter
        $ meshctl schema diff one other
        $ meshctl call book
        $ meshctl trace 0123456789abcdef0123456789abcdef --retries 0
        $ meshctl job status 1
        $ meshctl job reclaim 1
        $ meshctl job list
        $ meshctl job events 1
        $ meshctl registry drain
        $ meshctl registry resume
        $ meshctl registry status
        $ meshctl list
        $ meshctl status
        $ meshctl status greeter
        $ meshctl entity rotate
        Error: the registry at `[URL]` refused the request with 500: the database is locked
        exit: 5
        ");
}

#[test]
fn a_page_of_a_web_server_is_no_answer() {
    let context = test_context!();
    let page = "<!doctype html>\n<h1>Welcome</h1>";
    let server = ScriptedServer::start(move |_| Script::body(200, "text/html", page));
    mesh_snapshot!(context, said: told(&context, &server.url(), everything(), ""), @r"
        $ meshctl list --tools
        $ meshctl list --tools=book
        $ meshctl list --services
        $ meshctl audit greeter
        $ meshctl call book
        $ meshctl list
        $ meshctl status
        $ meshctl status greeter
        Error: the answer of `[URL]/agents` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl list --schemas
        Error: the answer of `[URL]/schemas?limit=100` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl schema diff one other
        Error: the answer of `[URL]/schemas/one` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl trace 0123456789abcdef0123456789abcdef --retries 0
        Error: the answer of `[URL]/trace/0123456789abcdef0123456789abcdef` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl job status 1
        Error: the answer of `[URL]/jobs/1` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl job reclaim 1
        Error: the answer of `[URL]/jobs/1/reclaim` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl job list
        Error: the answer of `[URL]/jobs?limit=50` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl job events 1
        Error: the answer of `[URL]/jobs/1/events?after=0&wait=0` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl registry drain
        $ meshctl registry resume
        $ meshctl registry status
        Error: the answer of `[URL]/admin/drain` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        $ meshctl entity rotate
        Error: the answer of `[URL]/admin/rotate` is not understood: it is a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 1
        ");
    let missing = ScriptedServer::start(move |_| Script::body(404, "text/html", page));
    mesh_snapshot!(context, said: told(&context, &missing.url(), everything(), ""), @r"
        $ meshctl list --tools
        $ meshctl list --tools=book
        $ meshctl list --services
        $ meshctl list --schemas
        $ meshctl audit greeter
        $ meshctl schema diff one other
        $ meshctl call book
        $ meshctl trace 0123456789abcdef0123456789abcdef --retries 0
        $ meshctl job status 1
        $ meshctl job reclaim 1
        $ meshctl job list
        $ meshctl job events 1
        $ meshctl registry drain
        $ meshctl registry resume
        $ meshctl registry status
        $ meshctl list
        $ meshctl status
        $ meshctl status greeter
        $ meshctl entity rotate
        Error: the registry at `[URL]` refused the request with 404: a page of HTML
        Hint: something else may listen there, or a registry newer than [VERSION]; check `MCP_MESH_REGISTRY_URL`
        exit: 5
        ");
}

#[test]
fn a_registry_that_hangs_is_given_the_time_that_was_asked_for() {
    let context = test_context!();
    // Whoever connects waits for ever: nobody takes the connection.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let asked = QUESTIONS.into_iter();
    mesh_snapshot!(context, said: told(&context, &url, asked, " --timeout 1"), @r"
        $ meshctl list --tools
        $ meshctl list --tools=book
        $ meshctl list --services
        $ meshctl list --schemas
        $ meshctl audit greeter
        $ meshctl schema diff one other
        $ meshctl call book
        $ meshctl trace 0123456789abcdef0123456789abcdef --retries 0
        $ meshctl job status 1
        $ meshctl job reclaim 1
        $ meshctl job list
        $ meshctl job events 1
        $ meshctl registry drain
        $ meshctl registry resume
        $ meshctl registry status
        $ meshctl list
        Error: the registry at `[URL]` did not answer within [DURATION]
        Hint: the registry may be overloaded; read its log
        exit: 8
        ");
}
