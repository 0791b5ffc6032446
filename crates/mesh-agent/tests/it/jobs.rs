//! What agents and other programs ask about jobs.

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use mesh_agent::{
    Agent, AgentSettings, CallHandle, ClientError, JobCall, JobEventQuery, JobWait, Jobs,
    JobsError, StartError, TlsFiles,
};
use mesh_core::Hint;
use mesh_core::wire::ClaimRequest;
use mesh_test::{Script, ScriptedServer};

use crate::registry::{Registry, description, eventually, until_registered};

/// The longest time that an answer may take.
const LONG: Duration = Duration::from_secs(10);

type Answer = Result<Option<String>, JobsError>;

fn send(jobs: &Jobs, call: JobCall) -> (CallHandle, Receiver<Answer>) {
    let (sender, receiver) = mpsc::channel();
    let handle = jobs.send(call, move |outcome| {
        let text = outcome.map(|json| json.map(|json| json.get().to_owned()));
        sender.send(text).expect("the test waits");
    });
    (handle, receiver)
}

fn connect(url: &str) -> Result<Jobs, StartError> {
    Jobs::connect(url, &TlsFiles::default())
}

fn read() -> JobCall {
    JobCall::read("j-1", &JobWait::default())
}

fn server() -> ScriptedServer {
    ScriptedServer::start(|request| match request.path.as_str() {
        "/jobs/j-1" => Script::json(r#"{"id": "j-1"}"#),
        "/jobs/claim" => Script::status(204),
        _ => Script::default().pause(LONG),
    })
}

#[test]
fn a_program_that_is_no_agent_asks_on_a_thread_of_its_own() {
    let server = server();
    let jobs = connect(&server.url()).expect("a URL");
    let (_, answer) = send(&jobs, read());
    let answer = answer.recv_timeout(LONG).expect("an answer");
    assert_eq!(answer.expect("a job").as_deref(), Some(r#"{"id": "j-1"}"#));
    let (_, answer) = send(&jobs, JobCall::claim(&ClaimRequest::default()));
    let answer = answer.recv_timeout(LONG).expect("an answer");
    assert_eq!(answer.expect("none"), None);
    assert!(connect("registry:1").is_err());
}

#[test]
fn a_request_that_is_given_up_says_so_once() {
    let server = server();
    let jobs = connect(&server.url()).expect("a URL");
    let events = || JobCall::events("j-1", &JobEventQuery::default());
    let (handle, answer) = send(&jobs, events());
    handle.cancel();
    let given_up = answer.recv_timeout(LONG).expect("an answer");
    assert!(matches!(given_up, Err(JobsError::Cancelled)));

    let (_, answer) = send(&jobs, events());
    eventually("it waits", || server.requests().len() == 1);
    drop(jobs);
    let given_up = answer.recv_timeout(LONG).expect("an answer");
    assert!(matches!(given_up, Err(JobsError::Cancelled)));
}

#[test]
fn an_agent_asks_its_own_registry_until_it_stops() {
    let registry = Registry::start();
    registry.say(|answers| answers.watch = Script::json(r#"{"id": "j-1"}"#));
    let agent = registry.agent();
    let jobs = agent.jobs().expect("it has a registry");
    let (_, answer) = send(&jobs, read());
    let answer = answer.recv_timeout(LONG).expect("an answer");
    assert_eq!(answer.expect("a job").as_deref(), Some(r#"{"id": "j-1"}"#));
    agent.stop(LONG);
    let (_, answer) = send(&jobs, read());
    let given_up = answer.recv_timeout(LONG).expect("an answer");
    assert!(matches!(given_up, Err(JobsError::Cancelled)));
}

#[test]
fn an_agent_without_a_registry_says_so() {
    let settings = AgentSettings {
        standalone: true,
        ..AgentSettings::default()
    };
    let agent = Agent::start(description(), &settings).expect("an agent");
    let error = agent.jobs().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the agent works without a registry, and jobs are kept there"
    );
    assert_eq!(error.hint().as_deref(), Some("unset `MCP_MESH_STANDALONE`"));
}

#[test]
fn a_registry_that_is_away_is_worth_another_try() {
    let mut registry = Registry::start();
    let url = registry.settings().registry_url;
    registry.go_away();
    let jobs = connect(&url).expect("a URL");
    let (_, answer) = send(&jobs, read());
    match answer.recv_timeout(LONG).expect("an answer") {
        Err(JobsError::Registry(error @ ClientError::Unreachable { .. })) => {
            assert!(error.is_transient());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_last_ping_says_how_many_jobs_wait() {
    let registry = Registry::start();
    let agent = registry.agent();
    until_registered(&agent);
    assert_eq!(agent.pending_jobs(), 0);
    registry.say(|answers| answers.pending_jobs = Some(7));
    eventually("the hint is heard", || agent.pending_jobs() == 7);
    registry.say(|answers| answers.pending_jobs = None);
    eventually("it is forgotten", || agent.pending_jobs() == 0);
}
