//! A registry of a test's own: its answers are a table that the test changes as it goes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mesh_agent::{Agent, AgentSettings, AgentState};
use mesh_core::wire::{Dependency, Registration, Tool};
use mesh_test::{Request, Script, ScriptedServer};

/// What the registry says next.
#[derive(Clone)]
pub(crate) struct Answers {
    /// To a POST: `dependencies_resolved` and whatever stands behind it, or the reason of a refusal.
    pub(crate) registration: Result<String, String>,
    /// To a POST, when it is not 200.
    pub(crate) registration_status: u16,
    /// What that answer is called.
    pub(crate) id: Option<String>,
    /// To a GET, which opens the watch.
    pub(crate) watch: Script,
    /// To a HEAD.
    pub(crate) ping: u16,
    /// How many jobs wait, as a HEAD says.
    pub(crate) pending_jobs: Option<u32>,
    /// Before each answer.
    pub(crate) delay: Duration,
}

pub(crate) struct Registry {
    server: Option<ScriptedServer>,
    address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let answers = Arc::new(Mutex::new(Answers {
            registration: Ok("{}".to_owned()),
            registration_status: 200,
            id: None,
            watch: Script::body(404, "text/plain", "404 page not found"),
            ping: 200,
            pending_jobs: None,
            delay: Duration::ZERO,
        }));
        let script = Arc::clone(&answers);
        let server = ScriptedServer::start(move |request| answer(&script, request));
        Self {
            address: server.address(),
            server: Some(server),
            answers,
        }
    }

    pub(crate) fn say(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().expect("no test panics with it"));
    }

    /// Wires `slots` of function `greet`; an empty text is a gap.
    pub(crate) fn wire(&self, slots: &[&str]) {
        self.say(|answers| answers.registration = Ok(wiring(slots)));
    }

    pub(crate) fn go_away(&mut self) {
        self.server = None;
    }

    pub(crate) fn come_back(&mut self) {
        let script = Arc::clone(&self.answers);
        let respond = move |request: &Request| answer(&script, request);
        self.server = Some(ScriptedServer::start_at(self.address, respond));
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.server
            .as_ref()
            .map_or(Vec::new(), ScriptedServer::requests)
    }

    /// How often each method was used.
    pub(crate) fn count(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for request in self.requests() {
            *count.entry(request.method).or_default() += 1;
        }
        count
    }

    pub(crate) fn count_of(&self, method: &str) -> usize {
        self.count().remove(method).unwrap_or(0)
    }

    pub(crate) fn settings(&self) -> AgentSettings {
        AgentSettings {
            registry_url: format!("http://{}", self.address),
            heartbeat_interval: Duration::from_millis(50),
            ..AgentSettings::default()
        }
    }

    pub(crate) fn agent(&self) -> Agent {
        Agent::start(description(), &self.settings()).expect("an agent")
    }
}

fn answer(answers: &Mutex<Answers>, request: &Request) -> Script {
    let answers = answers.lock().expect("no test panics with it").clone();
    let script = match request.method.as_str() {
        "HEAD" => {
            let hint = answers.pending_jobs;
            let hint = hint.map_or(String::new(), |n| format!("x-mesh-pending-jobs: {n}\r\n"));
            let status = answers.ping;
            Script::default().send(format!(
                "HTTP/1.1 {status} X\r\n{hint}content-length: 0\r\n\r\n"
            ))
        }
        "DELETE" => Script::status(204),
        "GET" => answers.watch.clone(),
        _ if answers.registration_status != 200 => Script::status(answers.registration_status),
        _ => {
            let (status, message, resolved) = match &answers.registration {
                Ok(resolved) => ("success", "", resolved.as_str()),
                Err(reason) => ("error", reason.as_str(), "{}"),
            };
            let text = document(status, message, resolved);
            let id = answers.id.as_ref();
            let id = id.map_or(String::new(), |id| format!("x-mesh-answer: {id}\r\n"));
            Script::default().send(format!(
                "HTTP/1.1 200 X\r\n{id}content-length: {}\r\n\r\n{text}",
                text.len()
            ))
        }
    };
    if answers.delay.is_zero() {
        script
    } else {
        Script::default().pause(answers.delay).then(script)
    }
}

fn document(status: &str, message: &str, resolved: &str) -> String {
    format!(
        r#"{{"agent_id":"a-1","status":"{status}","timestamp":"2026-01-01T00:00:00Z","message":"{message}","dependencies_resolved":{resolved}}}"#
    )
}

/// An answer called `id` that wires `slots`, as a watch brings it.
pub(crate) fn pushed(id: &str, slots: &[&str]) -> Script {
    let text = document("success", "", &wiring(slots));
    Script::default().chunk(format!("event: answer\nid: {id}\ndata: {text}\n\n"))
}

fn wiring(slots: &[&str]) -> String {
    let entries: Vec<String> = slots.iter().map(|endpoint| entry(endpoint)).collect();
    format!(r#"{{"greet":[{}]}}"#, entries.join(","))
}

fn entry(endpoint: &str) -> String {
    let (agent_id, function, status) = match endpoint {
        "" => ("", "", "unresolved"),
        _ => ("b-1", "echo", "available"),
    };
    format!(
        r#"{{"agent_id":"{agent_id}","endpoint":"{endpoint}","function_name":"{function}","capability":"echo","status":"{status}","kwargs":{{"team":"blue"}}}}"#
    )
}

/// An agent whose function `greet` needs two capabilities.
pub(crate) fn description() -> Registration {
    let dependency = |capability: &str| Dependency {
        capability: capability.to_owned(),
        ..Dependency::default()
    };
    Registration {
        agent_id: "a-1".to_owned(),
        tools: vec![Tool {
            function_name: "greet".to_owned(),
            capability: "greet".to_owned(),
            dependencies: vec![dependency("echo").into(), dependency("weather").into()],
            ..Tool::default()
        }],
        ..Registration::default()
    }
}

/// Waits until `condition` holds; the longest time that any test waits for anything.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[track_caller]
pub(crate) fn until_registered(agent: &Agent) {
    eventually("the agent is registered", || {
        agent.status().state == AgentState::Registered
    });
}
