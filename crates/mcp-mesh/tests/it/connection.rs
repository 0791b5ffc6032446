//! How commands reach a registry behind TLS.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::stage::{Stage, stage_snapshot};

/// Answers like a registry without agents, behind a certificate.
const SERVER: &str = r#"
import http.server, json, ssl

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"agents": [], "count": 0, "timestamp": "2026-01-01T00:00:00Z"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// A registry behind TLS, and the authority that vouches for it in `ca.pem` of the home.
struct Encrypted {
    server: Child,
    port: u16,
    stage: Stage,
}

impl Encrypted {
    fn new() -> Self {
        let stage = Stage::new();
        let openssl = |arguments: &str| {
            let output = Command::new("openssl")
                .args(arguments.split_whitespace())
                .current_dir(stage.context.home())
                .output()
                .expect("the tests need `openssl`");
            assert!(output.status.success(), "{output:?}");
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
        openssl(&format!(
            "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority"
        ));
        stage.file(
            "names",
            "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1\n",
        );
        openssl(&format!(
            "req {key} -keyout server.key -out request -subj /CN=server"
        ));
        openssl(
            "x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile names -out server.pem",
        );
        let mut server = Command::new("python3")
            .args(["-c", SERVER])
            .current_dir(stage.context.home())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tests need `python3`");
        let mut line = String::new();
        let stdout = server.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it tells its port");
        let port = line.trim().parse().expect("it tells its port");
        Self {
            server,
            port,
            stage,
        }
    }

    fn status(&self) -> Command {
        let mut command = self.stage.meshctl();
        command.args(["status", "--registry-url"]);
        command.arg(format!("https://127.0.0.1:{}", self.port));
        command
    }

    fn filters(&self) -> Vec<(String, String)> {
        let mut filters = self.stage.filters();
        filters.insert(0, (format!(r"\b{}\b", self.port), "[PORT]".to_owned()));
        filters
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn a_stranger_is_not_believed() {
    let encrypted = Encrypted::new();
    stage_snapshot!(encrypted, encrypted.status(), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: failed to reach the registry at `https://127.0.0.1:[PORT]`: invalid peer certificate: UnknownIssuer
        Hint: name the authority to trust with `MCP_MESH_TLS_CA`, or believe anyone with `--insecure`
        ");
    // Neither is it said to be away.
    let list = encrypted
        .stage
        .meshctl()
        .args(["list", "--exit-code", "--registry-scheme", "https"])
        .args(["--registry-host", "127.0.0.1", "--registry-port"])
        .arg(encrypted.port.to_string())
        .output()
        .unwrap();
    assert_eq!((list.status.code(), list.stdout.len()), (Some(4), 0));
}

#[test]
fn an_authority_is_named_by_a_variable_or_lies_in_the_state_directory() {
    let encrypted = Encrypted::new();
    let home = encrypted.stage.context.home();
    let ca = home.join("ca.pem");
    stage_snapshot!(encrypted, encrypted.status().env("MCP_MESH_TLS_CA", &ca), @r"
        exit: 0
        ----- stdout -----
        No healthy agents found
        ----- stderr -----
        ");
    let folder = encrypted.stage.context.state().join("tls");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(&ca, folder.join("ca.pem")).unwrap();
    stage_snapshot!(encrypted, encrypted.status(), @r"
        exit: 0
        ----- stdout -----
        No healthy agents found
        ----- stderr -----
        ");
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_variable() {
    let encrypted = Encrypted::new();
    stage_snapshot!(encrypted, encrypted.status().env("MCP_MESH_TLS_CA", "nowhere.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: failed to read `nowhere.pem`, which `MCP_MESH_TLS_CA` names: No such file or directory (os error 2)
        Hint: `MCP_MESH_TLS_CA` must name a PEM file
        ");
    encrypted.stage.file("empty.pem", "");
    stage_snapshot!(
        encrypted,
        encrypted.status().env("MCP_MESH_TLS_CERT", "server.pem").env("MCP_MESH_TLS_KEY", "empty.pem"),
        @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `empty.pem`, which `MCP_MESH_TLS_KEY` names, cannot be used: it holds no private key
        Hint: `MCP_MESH_TLS_KEY` must name a PEM file
        "
    );
    stage_snapshot!(encrypted, encrypted.status().env("MCP_MESH_TLS_CERT", "server.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `MCP_MESH_TLS_CERT` is set and `MCP_MESH_TLS_KEY` is not
        Hint: a certificate and its key go together
        ");
    encrypted.stage.file(".mcp-mesh/tls/ca.pem", "nonsense");
    stage_snapshot!(encrypted, encrypted.status(), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the authority `[HOME]/.mcp-mesh/tls/ca.pem` cannot be used: it holds no certificate
        Hint: make or remove it, or name another one with `MCP_MESH_TLS_CA`
        ");
}

#[test]
fn whoever_believes_anyone_is_warned() {
    let encrypted = Encrypted::new();
    stage_snapshot!(encrypted, encrypted.status().arg("--insecure"), @r"
        exit: 0
        ----- stdout -----
        No healthy agents found
        ----- stderr -----
        Warning: certificates are not verified (--insecure): anyone may be at the other end
        ");
    stage_snapshot!(encrypted, encrypted.status().env("MCP_MESH_TLS_SKIP_VERIFY", "true"), @r"
        exit: 0
        ----- stdout -----
        No healthy agents found
        ----- stderr -----
        Warning: certificates are not verified (MCP_MESH_TLS_SKIP_VERIFY): anyone may be at the other end
        ");
}
