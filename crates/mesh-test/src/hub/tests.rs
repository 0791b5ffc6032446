//! The hub over real sockets.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Fault, Hub};

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines();
        lines
            .filter_map(|line| line.split_once(": "))
            .find_map(|(known, value)| (known == name).then_some(value))
    }
}

fn send(hub: &Hub, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> Answer {
    let authorization = token.map_or(String::new(), |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n{authorization}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(hub.address()).unwrap();
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    Answer {
        status: head[9..12].parse().unwrap(),
        head,
        body: answer[end + 4..].to_vec(),
    }
}

fn get(hub: &Hub, path: &str) -> Answer {
    send(hub, "GET", path, None, b"")
}

fn hub_with(files: &[(&str, &str)]) -> (TempDir, Hub) {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let hub = Hub::start(root.path());
    (root, hub)
}

#[test]
fn releases_have_the_addresses_that_github_gives_them() {
    let (_root, hub) = hub_with(&[
        ("releases/v1.9.0/a.txt", "nine"),
        ("releases/v1.10.0/a.txt", "ten"),
        ("releases/v2.0.0-rc.1/a.txt", "candidate"),
    ]);
    let base = hub.base_url();
    assert_eq!(
        get(&hub, "/o/r/releases/download/v1.9.0/a.txt").text(),
        "nine"
    );
    let latest = get(&hub, "/o/r/releases/latest");
    assert_eq!(latest.status, 302);
    let page = format!("{base}/o/r/releases/tag/v1.10.0");
    assert_eq!(latest.header("location"), Some(page.as_str()));
    let download = get(&hub, "/o/r/releases/latest/download/a.txt");
    let target = format!("{base}/o/r/releases/download/v1.10.0/a.txt");
    assert_eq!(download.header("location"), Some(target.as_str()));
    let missing = get(&hub, "/o/r/releases/download/v3.0.0/a.txt");
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("<html>"), "{}", missing.text());
    assert_eq!(
        get(&hub, "/o/r/releases/download/v1.9.0/..%2F..%2Fa").status,
        404
    );
}

#[test]
fn the_api_is_served_as_on_github_and_as_on_an_enterprise_host() {
    let (_root, hub) = hub_with(&[
        ("releases/v1.9.0/a.txt", "nine"),
        ("releases/v1.10.0/a.txt", "ten"),
        ("releases/v2.0.0-rc.1/a.txt", "candidate"),
        ("tags/v1.9.0", "c0ffee"),
        ("tags/v1.10.0", "beef 7a67"),
    ]);
    for api in ["/repos/o/r", "/api/v3/repos/o/r"] {
        let latest = get(&hub, &format!("{api}/releases/latest")).json();
        assert_eq!(latest["tag_name"], "v1.10.0");
        let url = latest["assets"][0]["browser_download_url"]
            .as_str()
            .unwrap();
        assert_eq!(
            get(&hub, url.strip_prefix(hub.base_url()).unwrap()).text(),
            "ten"
        );
        let candidate = get(&hub, &format!("{api}/releases/tags/v2.0.0-rc.1")).json();
        assert_eq!(candidate["prerelease"], true);
        assert_eq!(
            get(&hub, &format!("{api}/releases/tags/v9.0.0")).status,
            404
        );

        let first = get(&hub, &format!("{api}/releases?per_page=2"));
        assert_eq!(first.json()[0]["tag_name"], "v2.0.0-rc.1");
        assert!(
            first.header("link").unwrap().contains("page=2"),
            "{}",
            first.head
        );
        let second = get(&hub, &format!("{api}/releases?per_page=2&page=2"));
        assert_eq!(second.json().as_array().unwrap().len(), 1);
        assert_eq!(second.header("link"), None);

        let plain = get(&hub, &format!("{api}/git/ref/tags/v1.9.0")).json();
        assert_eq!(
            plain["object"],
            json!({ "type": "commit", "sha": "c0ffee" })
        );
        let annotated = get(&hub, &format!("{api}/git/ref/tags/v1.10.0")).json();
        assert_eq!(annotated["object"], json!({ "type": "tag", "sha": "7a67" }));
        let tag = get(&hub, &format!("{api}/git/tags/7a67")).json();
        assert_eq!(tag["object"]["sha"], "beef");
    }
}

#[test]
fn a_draft_is_filled_unseen_and_stays_once_it_is_published() {
    let (root, hub) = hub_with(&[]);
    let create =
        json!({ "tag_name": "v1.0.0", "target_commitish": "c0ffee", "draft": true }).to_string();
    let refused = send(&hub, "POST", "/repos/o/r/releases", None, create.as_bytes());
    assert_eq!(refused.status, 401);

    let token = Some("secret");
    let draft = send(
        &hub,
        "POST",
        "/repos/o/r/releases",
        token,
        create.as_bytes(),
    );
    assert_eq!(draft.status, 201);
    let draft = draft.json();
    let path = format!("/repos/o/r/releases/{}", draft["id"]);
    let upload = draft["upload_url"]
        .as_str()
        .unwrap()
        .split('{')
        .next()
        .unwrap();
    let upload = format!(
        "{}?name=a.txt",
        upload.strip_prefix(hub.base_url()).unwrap()
    );
    assert_eq!(send(&hub, "POST", &upload, token, b"bytes").status, 201);
    assert_eq!(send(&hub, "POST", &upload, token, b"other").status, 422);
    assert_eq!(get(&hub, "/repos/o/r/releases").json(), json!([]));
    let seen = send(&hub, "GET", "/repos/o/r/releases", token, b"").json();
    assert_eq!(seen[0]["draft"], true);

    let publish = send(&hub, "PATCH", &path, token, br#"{"draft":false}"#);
    assert_eq!(publish.json()["draft"], false);
    assert_eq!(
        get(&hub, "/o/r/releases/download/v1.0.0/a.txt").text(),
        "bytes"
    );
    assert_eq!(send(&hub, "POST", &upload, token, b"late").status, 422);
    assert_eq!(send(&hub, "DELETE", &path, token, b"").status, 422);
    assert_eq!(
        fs::read_to_string(root.path().join("tags/v1.0.0")).unwrap(),
        "c0ffee"
    );
    let tokens: Vec<_> = hub
        .writes()
        .into_iter()
        .map(|request| request.token)
        .collect();
    assert_eq!(tokens[0], None);
    assert!(
        tokens[1..]
            .iter()
            .all(|token| token.as_deref() == Some("secret"))
    );
}

#[test]
fn a_draft_can_be_thrown_away() {
    let (_root, hub) = hub_with(&[]);
    let token = Some("secret");
    let create = br#"{"tag_name":"v1.0.0","draft":true}"#;
    let draft = send(&hub, "POST", "/repos/o/r/releases", token, create).json();
    let path = format!("/repos/o/r/releases/{}", draft["id"]);
    assert_eq!(send(&hub, "DELETE", &path, token, b"").status, 204);
    assert_eq!(
        send(&hub, "GET", "/repos/o/r/releases", token, b"").json(),
        json!([])
    );
}

#[test]
fn a_file_is_replaced_only_by_somebody_who_read_it() {
    let (_root, hub) = hub_with(&[]);
    let path = "/api/v3/repos/o/tap/contents/Formula/a.rb";
    let put = |content: &str, sha: Option<&str>| {
        let mut body = json!({ "message": "a: new", "content": content });
        if let Some(sha) = sha {
            body["sha"] = sha.into();
        }
        send(&hub, "PUT", path, Some("t"), body.to_string().as_bytes()).status
    };
    assert_eq!(get(&hub, path).status, 404);
    assert_eq!(put("b25l", None), 201);
    assert_eq!(put("dHdv", None), 422);
    assert_eq!(put("dHdv", Some("stale")), 409);
    let current = get(&hub, path).json();
    assert_eq!(current["content"], "b25l\n");
    assert_eq!(put("dHdv", current["sha"].as_str()), 200);
    assert_eq!(get(&hub, path).json()["content"], "dHdv\n");
}

#[test]
fn the_package_index_names_each_file_with_its_hash() {
    let (_root, hub) = hub_with(&[
        (
            "pypi/mcp_mesh-4.0.0-cp311-abi3-manylinux_2_17_x86_64.whl",
            "wheel",
        ),
        ("pypi/mcp_mesh-4.0.0.tar.gz", "source"),
        ("pypi/other-1.0-py3-none-any.whl", "other"),
    ]);
    let projects = get(&hub, "/simple/").text();
    assert!(
        projects.contains("<a href=\"/simple/mcp-mesh/\">mcp-mesh</a>"),
        "{projects}"
    );
    let files = get(&hub, "/simple/Mcp_Mesh/").text();
    assert!(!files.contains("other"), "{files}");
    // sha256 of `source`
    let hash = "41cf6794ba4200b839c53531555f0f3998df4cbb01a4d5cb0b94e3ca5e23947d";
    assert!(
        files.contains(&format!("/pypi/mcp_mesh-4.0.0.tar.gz#sha256={hash}")),
        "{files}"
    );
    assert_eq!(get(&hub, "/pypi/mcp_mesh-4.0.0.tar.gz").text(), "source");
    assert_eq!(get(&hub, "/simple/unknown/").status, 404);
}

#[test]
fn answers_are_spoiled_until_they_are_healed() {
    let (_root, hub) = hub_with(&[("releases/v1.0.0/a.txt", "0123456789")]);
    let path = "/o/r/releases/download/v1.0.0/a.txt";

    hub.spoil("/a.txt", Fault::Truncated);
    let cut = get(&hub, path);
    assert_eq!(cut.header("content-length"), Some("10"));
    assert_eq!(cut.text(), "01234");

    hub.spoil("/a.txt", Fault::MissingWith("#!/bin/sh\n".to_owned()));
    let missing = get(&hub, path);
    assert_eq!(
        (missing.status, missing.text().as_str()),
        (404, "#!/bin/sh\n")
    );

    hub.spoil("/a.txt", Fault::ServerError);
    assert_eq!(get(&hub, path).status, 500);

    hub.spoil("/a.txt", Fault::Slow(Duration::from_millis(1)));
    assert_eq!(get(&hub, path).text(), "0123456789");

    hub.heal();
    assert_eq!(get(&hub, path).text(), "0123456789");
}
