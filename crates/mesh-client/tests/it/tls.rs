//! Servers behind TLS, with certificates of one's own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use mesh_client::mcp::{CallError, CallerOptions, McpCaller, ToolCall};
use mesh_client::{ClientError, ClientOptions, Headers, RegistryClient, Tls, TlsError, TlsFiles};
use mesh_core::Hint;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::value::RawValue;
use tempfile::TempDir;

/// An authority, and what it vouches for.
struct Authority(TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(TempDir::new().expect("a folder"));
        authority.make_key("ca");
        authority.openssl("req -x509 -new -key ca.key -days 2 -subj /CN=authority -out ca.pem");
        authority
    }

    /// A certificate in `name.pem` and its key in `name.key`.
    fn certify(&self, name: &str, alternative: &str) {
        let extensions = format!("basicConstraints=CA:FALSE\nsubjectAltName={alternative}\n");
        fs::write(self.path("extensions"), extensions).expect("a file");
        self.make_key(name);
        self.openssl(&format!(
            "req -new -key {name}.key -subj /CN={name} -out request"
        ));
        self.openssl(&format!(
            "x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile extensions -out {name}.pem"
        ));
    }

    fn make_key(&self, name: &str) {
        self.openssl(&format!(
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {name}.key"
        ));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .output()
            .expect("openssl is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }

    /// Files that are there by these names.
    fn files(&self, ca: Option<&str>, own: Option<&str>) -> TlsFiles {
        TlsFiles {
            ca: ca.map(|name| self.path(name)),
            certificate: own.map(|name| self.path(&format!("{name}.pem"))),
            key: own.map(|name| self.path(&format!("{name}.key"))),
        }
    }

    /// A server that shows `server.pem`, wants a certificate of this authority, and answers with `body`.
    fn serve(&self, body: &'static str) -> String {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots
            .add(certificates(&self.path("ca.pem")).remove(0))
            .expect("a root");
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::from_pem_file(self.path("server.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(certificates(&self.path("server.pem")), key)
            .expect("a certificate");
        let config = Arc::new(config);
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a server");
                let mut stream = StreamOwned::new(connection, stream);
                // A handshake that fails is the caller's to tell.
                if stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                    let _gone = write!(
                        stream,
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                         content-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    stream.conn.send_close_notify();
                    let _gone = stream.flush();
                }
            }
        });
        format!("https://127.0.0.1:{port}")
    }
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    let certificates = CertificateDer::pem_file_iter(path).expect("a file");
    certificates
        .map(|one| one.expect("a certificate"))
        .collect()
}

fn authority() -> Authority {
    let authority = Authority::new();
    authority.certify("server", "IP:127.0.0.1");
    authority.certify("client", "DNS:agent");
    authority
}

fn client(url: &str, tls: Option<Tls>) -> RegistryClient {
    let options = ClientOptions {
        tls,
        ..ClientOptions::default()
    };
    RegistryClient::new(url, options).expect("a URL")
}

fn failure(error: &ClientError) -> String {
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    mesh_client::describe(error)
}

#[tokio::test]
async fn a_registry_is_asked_with_certificates_of_ones_own() {
    let authority = authority();
    let url = authority.serve(r#"{"draining":true,"live_claims":3}"#);
    let tls = Tls::read(&authority.files(Some("ca.pem"), Some("client"))).expect("files");
    let report = client(&url, Some(tls)).drain_report().await;
    assert_eq!(report.expect("a report").live_claims, 3);

    let stranger = client(&url, None).drain_report().await.unwrap_err();
    let reason = failure(&stranger);
    assert!(reason.contains("UnknownIssuer"), "{reason}");
    let hint = stranger.hint().expect("a hint").into_owned();
    assert!(hint.contains("`MCP_MESH_TLS_CA`"), "{hint}");

    let tls = Tls::read(&authority.files(Some("ca.pem"), None)).expect("files");
    let nobody = client(&url, Some(tls)).drain_report().await.unwrap_err();
    failure(&nobody);
}

#[tokio::test]
async fn an_agent_is_called_with_them_too_and_must_be_who_it_is() {
    let authority = authority();
    let url = authority.serve(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    let files = authority.files(Some("ca.pem"), Some("client"));
    let caller = McpCaller::new(&CallerOptions {
        tls: Some(Tls::read(&files).expect("files")),
        ..CallerOptions::default()
    });
    let mut call = ToolCall {
        endpoint: url.clone(),
        tool: "plain".to_owned(),
        arguments: RawValue::from_string("{}".to_owned()).expect("JSON"),
        timeout: std::time::Duration::from_secs(10),
        headers: Headers::new(),
    };
    caller.call_tool(&call).await.expect("an answer");
    call.endpoint = url.replace("127.0.0.1", "localhost");
    let error = caller.call_tool(&call).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
    let hint = error.hint().expect("a hint").into_owned();
    assert!(hint.contains("`MCP_MESH_HTTP_HOST`"), "{hint}");

    let other = Authority::new();
    other.certify("client", "DNS:agent");
    let mut files = authority.files(Some("ca.pem"), None);
    files.certificate = Some(other.path("client.pem"));
    files.key = Some(other.path("client.key"));
    let stranger = McpCaller::new(&CallerOptions {
        tls: Some(Tls::read(&files).expect("files")),
        ..CallerOptions::default()
    });
    call.endpoint.clone_from(&url);
    let error = stranger.call_tool(&call).await.unwrap_err();
    let hint = error.hint().expect("a hint").into_owned();
    assert!(hint.contains("MCP_MESH_TLS_C"), "{error}: {hint}");
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_variable() {
    let authority = authority();
    fs::write(authority.path("empty.pem"), "nothing").expect("a file");
    fs::write(authority.path("empty.key"), "nothing").expect("a file");
    authority.certify("other", "DNS:other");
    let text = |files: &TlsFiles| {
        let error = Tls::read(files).unwrap_err();
        let text = format!("{error} ({})", error.hint().expect("a hint"));
        text.replace(&authority.0.path().display().to_string(), "[FOLDER]")
    };
    assert_eq!(
        text(&authority.files(Some("missing.pem"), None)),
        "failed to read `[FOLDER]/missing.pem`, which `MCP_MESH_TLS_CA` names (`MCP_MESH_TLS_CA` \
         must name a PEM file)"
    );
    assert_eq!(
        text(&authority.files(Some("empty.pem"), None)),
        "`[FOLDER]/empty.pem`, which `MCP_MESH_TLS_CA` names, cannot be used: it holds no \
         certificate (`MCP_MESH_TLS_CA` must name a PEM file)"
    );
    assert_eq!(
        text(&authority.files(None, Some("empty"))),
        "`[FOLDER]/empty.pem`, which `MCP_MESH_TLS_CERT` names, cannot be used: it holds no \
         certificate (`MCP_MESH_TLS_CERT` must name a PEM file)"
    );
    let mut files = authority.files(None, Some("client"));
    files.key = Some(authority.path("empty.key"));
    assert_eq!(
        text(&files),
        "`[FOLDER]/empty.key`, which `MCP_MESH_TLS_KEY` names, cannot be used: it holds no private \
         key (`MCP_MESH_TLS_KEY` must name a PEM file)"
    );
    files.key = Some(authority.path("other.key"));
    assert!(text(&files).contains("`MCP_MESH_TLS_KEY` names, cannot be used: "));
    files.key = None;
    assert_eq!(
        text(&files),
        "`MCP_MESH_TLS_CERT` is set and `MCP_MESH_TLS_KEY` is not (a certificate and its key go \
         together)"
    );
    assert!(matches!(
        Tls::read(&TlsFiles {
            key: Some(authority.path("other.key")),
            ..TlsFiles::default()
        }),
        Err(TlsError::Incomplete { .. })
    ));
    assert!(Tls::read(&TlsFiles::default()).is_ok());
}
