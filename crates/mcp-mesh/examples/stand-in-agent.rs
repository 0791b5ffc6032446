//! Stands in for the interpreter where tests have no Python: it reads an agent's name from the script
//! that it is given, registers, answers MCP calls, and starts a process of its own if the script says so.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use mesh_core::env::{EnvVars, Environment};
use mesh_test::http1::HttpConnection;
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(10);
/// What the copies of this program that an agent starts are called with.
const IDLE: &str = "idle";

fn main() -> anyhow::Result<()> {
    let script = std::env::args().nth(1).unwrap_or_default();
    if script == IDLE {
        thread::sleep(Duration::from_mins(10));
        return Ok(());
    }
    let text = std::fs::read_to_string(&script)?;
    let name = text
        .split_once("@mesh.agent(name=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(name, _)| name.to_owned())
        .ok_or_else(|| anyhow::anyhow!("`{script}` declares no agent"))?;
    say(&format!("hello from {name}"))?;
    if text.contains("subprocess.Popen") {
        let child = Command::new(std::env::current_exe()?).arg(IDLE).spawn()?;
        say(&format!("child {}", child.id()))?;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let tool = format!("{name}_hello");
    thread::spawn(move || serve(&listener, &tool));
    register(&name, port)
}

fn register(name: &str, port: u16) -> anyhow::Result<()> {
    let environment = Environment::of_process();
    let url = environment
        .get(EnvVars::MCP_MESH_REGISTRY_URL)
        .unwrap_or_default();
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_socket_addrs()?
        .find(|address| TcpStream::connect(address).is_ok())
        .ok_or_else(|| anyhow::anyhow!("nobody answers at `{url}`"))?;
    let id = format!("{name}-{:08x}", std::process::id());
    let registration = json!({
        "agent_id": id,
        "name": name,
        "agent_type": "mcp_agent",
        "http_host": "127.0.0.1",
        "http_port": port,
        "tools": [{
            "function_name": format!("{name}_hello"),
            "capability": "greeting",
            "description": "Says hello",
            "tags": ["polite"],
        }],
    });
    let mut connection = HttpConnection::open(address, LIMIT)?;
    let answer = connection.send("POST", "/heartbeat", registration.to_string().as_bytes())?;
    anyhow::ensure!(answer.status == 200, "{}", answer.text());
    say("registered")?;
    loop {
        thread::sleep(Duration::from_secs(1));
        let path = format!("/heartbeat/{id}");
        HttpConnection::open(address, LIMIT)?.send("HEAD", &path, b"")?;
    }
}

fn serve(listener: &TcpListener, tool: &str) {
    for stream in listener.incoming().flatten() {
        let tool = tool.to_owned();
        // A client that goes away ends its connection, not the agent.
        thread::spawn(move || while answer(&stream, &tool).is_ok() {});
    }
}

/// Answers one request of the connection.
fn answer(mut stream: &TcpStream, tool: &str) -> io::Result<()> {
    let (tenant, body) = read(stream)?;
    let request: Value = serde_json::from_slice(&body)?;
    let arguments = &request["params"]["arguments"];
    let result = if request["method"] == "tools/list" {
        let schema = r#"{"type":"object","properties":{"who":{"type":"string"}}}"#;
        format!(r#"{{"tools":[{{"name":"{tool}","inputSchema":{schema}}}]}}"#)
    } else if arguments.get("fail").is_some() {
        r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#.to_owned()
    } else {
        // Spelled as no library would.
        format!(r#"{{"z":1.50,"a":{arguments},"tenant":"{tenant}","e":1e3}}"#)
    };
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#,
        request["id"]
    );
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

/// One header that tests look for, and the body.
fn read(stream: &TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut tenant) = (None, String::new());
    loop {
        let line = line(&mut reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok(),
            "x-tenant" => value.trim().clone_into(&mut tenant),
            _ => {}
        }
    }
    let mut body = Vec::new();
    if let Some(length) = length {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        return Ok((tenant, body));
    }
    // In chunks, then.
    loop {
        let size = usize::from_str_radix(&line(&mut reader)?, 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + size, 0);
        reader.read_exact(&mut body[start..])?;
        line(&mut reader)?;
        if size == 0 {
            return Ok((tenant, body));
        }
    }
}

fn line(reader: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}
