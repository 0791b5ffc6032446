//! An HTTP server that says what a test tells it to, byte for byte: answers that are split, late, cut
//! off or wrong. Plain threads, so that it serves tests of blocking and of asynchronous code alike.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers, names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it was complete.
    pub at: Instant,
}

impl Request {
    /// The first header called `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What to answer: bytes and pauses.
#[derive(Debug, Clone, Default)]
pub struct Script {
    steps: Vec<Step>,
    close: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<u8>),
    Pause(Duration),
    Follow(Arc<Mutex<Receiver<Script>>>),
}

impl Script {
    /// A complete answer without a body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::default().send(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"))
    }

    /// A complete answer.
    #[must_use]
    pub fn body(status: u16, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self::default().send(head).send(body)
    }

    /// A complete answer in JSON.
    #[must_use]
    pub fn json(body: impl AsRef<[u8]>) -> Self {
        Self::body(200, "application/json", body)
    }

    /// The head of a chunked event stream; [`Script::chunk`] and [`Script::end`] follow.
    #[must_use]
    pub fn events() -> Self {
        Self::default().send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        )
    }

    /// A piece of a chunked answer.
    #[must_use]
    pub fn chunk(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.send(format!("{:x}\r\n", bytes.len()))
            .send(bytes)
            .send("\r\n")
    }

    /// The orderly end of a chunked answer.
    #[must_use]
    pub fn end(self) -> Self {
        self.send("0\r\n\r\n")
    }

    /// Bytes as they are.
    #[must_use]
    pub fn send(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    /// Another script behind this one.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.steps.extend(next.steps);
        self.close |= next.close;
        self
    }

    /// Silence.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.steps.push(Step::Pause(pause));
        self
    }

    /// Whatever the test says as it goes, until it drops its end. Of several connections that are
    /// answered with clones of this, one at a time is told.
    #[must_use]
    pub fn follow(mut self, rest: Receiver<Script>) -> Self {
        self.steps.push(Step::Follow(Arc::new(Mutex::new(rest))));
        self
    }

    /// The connection is closed after the last byte.
    #[must_use]
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }
}

type Respond = dyn Fn(&Request) -> Script + Send + Sync;

/// The server. Dropping it closes its port and every connection.
pub struct ScriptedServer {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    respond: Box<Respond>,
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    streams: Mutex<Vec<TcpStream>>,
    stopping: AtomicBool,
}

impl ScriptedServer {
    /// Answers each request as `respond` says, on a free loopback port.
    ///
    /// # Panics
    ///
    /// If the machine has no free port.
    #[must_use]
    pub fn start(respond: impl Fn(&Request) -> Script + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        Self::serve(listener, respond)
    }

    /// The same at `address`, where a server was before: the end of an outage.
    ///
    /// # Panics
    ///
    /// If the port was taken in the meantime.
    #[must_use]
    pub fn start_at(
        address: SocketAddr,
        respond: impl Fn(&Request) -> Script + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("the port is still free");
        Self::serve(listener, respond)
    }

    fn serve(
        listener: TcpListener,
        respond: impl Fn(&Request) -> Script + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(State {
            respond: Box::new(respond),
            requests: Mutex::default(),
            connections: AtomicUsize::new(0),
            streams: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let thread = thread::spawn({
            let state = Arc::clone(&state);
            move || accept(&listener, &state)
        });
        Self {
            address,
            state,
            thread: Some(thread),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.state.requests).clone()
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::SeqCst);
        for stream in lock(&self.state.streams).drain(..) {
            let _closed_already = stream.shutdown(Shutdown::Both);
        }
        let _wakes_the_listener = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    while let Ok((stream, _)) = listener.accept() {
        if state.stopping.load(Ordering::SeqCst) {
            return;
        }
        state.connections.fetch_add(1, Ordering::SeqCst);
        if let Ok(copy) = stream.try_clone() {
            lock(&state.streams).push(copy);
        }
        let state = Arc::clone(state);
        // Ends with its connection, which the server's drop closes.
        thread::spawn(move || converse(&stream, &state));
    }
}

/// Serves one connection until somebody closes it.
fn converse(stream: &TcpStream, state: &State) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader) {
        let script = (state.respond)(&request);
        lock(&state.requests).push(request);
        if perform(script, &mut writer)? {
            stream.shutdown(Shutdown::Both).ok()?;
            return None;
        }
    }
    None
}

/// Says what the script says; whether the connection is to be closed then, and nothing if it broke.
fn perform(script: Script, writer: &mut impl Write) -> Option<bool> {
    let mut close = script.close;
    for step in script.steps {
        match step {
            Step::Send(bytes) => writer.write_all(&bytes).ok()?,
            Step::Pause(pause) => thread::sleep(pause),
            Step::Follow(rest) => {
                let rest = lock(&rest);
                for script in rest.iter() {
                    close |= perform(script, writer)?;
                }
            }
        }
    }
    Some(close)
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        path,
        headers,
        body,
        at: Instant::now(),
    })
}
