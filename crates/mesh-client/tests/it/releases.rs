//! Releases of a server that says what the test tells it to.

use mesh_client::describe;
use mesh_client::releases::{Progress, ReleaseClient, ReleaseError, ReleaseSource};
use mesh_core::Hint as _;
use mesh_core::env::EnvVars;
use mesh_test::{Request, Script, ScriptedServer};
use semver::Version;

const RELEASES: &str = "/acme/mesh/releases";
const FILE: &str = "/acme/mesh/releases/download/v4.1.0/a.bin";

fn serve(respond: impl Fn(&Request) -> Script + Send + Sync + 'static) -> ScriptedServer {
    ScriptedServer::start(respond)
}

fn client(server: &ScriptedServer) -> ReleaseClient {
    let environment = [
        (EnvVars::MCP_MESH_INSTALLER_GHE_BASE_URL, server.url()),
        (EnvVars::MCP_MESH_GITHUB_TOKEN, "t0ken".to_owned()),
    ];
    let source = ReleaseSource::resolve(
        "https://github.com/acme/mesh",
        &environment.into_iter().collect(),
    );
    ReleaseClient::new(source.expect("a URL"))
}

fn redirect(location: &str) -> Script {
    Script::default().send(format!(
        "HTTP/1.1 302 X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    ))
}

/// The version that `text` means at `server`, or the message and the hint.
async fn resolve(server: &ScriptedServer, text: &str) -> Result<String, String> {
    let request = match text {
        "latest" => mesh_client::releases::VersionRequest::Latest,
        text => text.parse().expect("a version"),
    };
    let version = client(server).resolve(&request).await;
    version
        .map(|version| version.to_string())
        .map_err(|error| message(server, &error))
}

fn message(server: &ScriptedServer, error: &ReleaseError) -> String {
    let hint = error.hint().map(|hint| format!(" // {hint}"));
    format!("{}{}", describe(error), hint.unwrap_or_default())
        .replace(&server.address().to_string(), "[HUB]")
        .replace(&server.address().ip().to_string(), "[HOST]")
}

async fn fetch(server: &ScriptedServer) -> Result<Vec<u8>, String> {
    client(server)
        .fetch(&Version::new(4, 1, 0), "a.bin", 100)
        .await
        .map_err(|error| message(server, &error))
}

#[tokio::test]
async fn the_newest_release_is_where_the_page_redirects_to() {
    let server = serve(|_| redirect("/acme/mesh/releases/tag/v4.1.0"));
    assert_eq!(resolve(&server, "latest").await.unwrap(), "4.1.0");
    let [asked] = server.requests().try_into().unwrap();
    assert_eq!(asked.path, format!("{RELEASES}/latest"));
    assert_eq!(asked.header("authorization"), Some("Bearer t0ken"));
    assert!(asked.header("user-agent").unwrap().starts_with("meshctl/"));
}

#[tokio::test]
async fn a_renamed_repository_is_followed() {
    let server = serve(|request| match request.path.as_str() {
        "/acme/mesh/releases/latest" => redirect("/new/name/releases/latest"),
        _ => redirect("../releases/tag/v4.2.0"),
    });
    assert_eq!(resolve(&server, "latest").await.unwrap(), "4.2.0");
}

#[tokio::test]
async fn what_is_no_newest_release_is_said() {
    let nothing = serve(|request| {
        if request.path.ends_with("/latest") {
            redirect("/acme/mesh/releases")
        } else {
            Script::body(200, "text/html", "<p>There are none</p>")
        }
    });
    insta::assert_snapshot!(resolve(&nothing, "latest").await.unwrap_err(), @"there is no release at `http://[HUB]/acme/mesh/releases` // open it in a browser; a server that `MCP_MESH_INSTALLER_GHE_BASE_URL` names must have the releases there");
    let odd = serve(|_| redirect("/acme/mesh/releases/tag/nightly"));
    insta::assert_snapshot!(resolve(&odd, "latest").await.unwrap_err(), @"the answer of `http://[HUB]/acme/mesh/releases/latest` is not understood: its newest tag `nightly` is no version // a proxy or mirror may answer in its place; open the URL in a browser");
    let endless = serve(|_| redirect("/x"));
    insta::assert_snapshot!(resolve(&endless, "latest").await.unwrap_err(), @"the answer of `http://[HUB]/acme/mesh/releases/latest` is not understood: it redirects more than 5 times // a proxy or mirror may answer in its place; open the URL in a browser");
    let broken = serve(|_| Script::status(500));
    insta::assert_snapshot!(resolve(&broken, "latest").await.unwrap_err(), @"`http://[HUB]/acme/mesh/releases/latest` was refused with status 500 // a proxy or mirror may answer in its place; open the URL in a browser");
}

#[tokio::test]
async fn a_partial_version_is_looked_up_in_the_list() {
    let server = serve(|request| {
        assert!(
            request
                .path
                .starts_with("/api/v3/repos/acme/mesh/releases?")
        );
        if request.path.contains("page=1") && !request.path.contains("page=10") {
            let page: Vec<_> = (0..50)
                .map(|n| format!(r#"{{"tag_name":"v5.0.{n}","assets":[]}}"#))
                .collect();
            return Script::json(format!("[{}]", page.join(",")));
        }
        Script::json(
            r#"[{"tag_name":"v4.2.0-rc.1"},{"tag_name":"nightly"},{"tag_name":"v4.1.10"},
                {"tag_name":"v4.1.11","draft":true},{"tag_name":"v4.1.9"},{"tag_name":"v4.0.3"}]"#,
        )
    });
    assert_eq!(resolve(&server, "4").await.unwrap(), "4.1.10");
    assert_eq!(resolve(&server, "v4.0").await.unwrap(), "4.0.3");
    assert_eq!(resolve(&server, "5").await.unwrap(), "5.0.49");
    assert_eq!(resolve(&server, "4.1.7").await.unwrap(), "4.1.7");
    insta::assert_snapshot!(resolve(&server, "4.3").await.unwrap_err(), @"there is no release 4.3 at `http://[HUB]/acme/mesh/releases` // `http://[HUB]/acme/mesh/releases` lists what there is");
}

#[tokio::test]
async fn a_rate_limit_is_named_with_its_cure() {
    let server = serve(|_| {
        Script::default()
            .send("HTTP/1.1 403 X\r\nx-ratelimit-remaining: 0\r\ncontent-length: 2\r\n\r\n{}")
    });
    insta::assert_snapshot!(resolve(&server, "4").await.unwrap_err(), @"`[HOST]` refuses further requests for a while (status 403) // wait an hour, set `MCP_MESH_GITHUB_TOKEN`, or ask for a whole version such as `--version 4.1.0`, which needs no list of releases");
}

#[tokio::test]
async fn a_file_is_what_the_server_announced() {
    let whole = serve(|_| Script::body(200, "application/octet-stream", "content"));
    assert_eq!(fetch(&whole).await.unwrap(), b"content");
    assert_eq!(whole.requests()[0].path, FILE);
    let missing = serve(|_| Script::body(404, "text/html", "<h1>Not Found</h1>"));
    insta::assert_snapshot!(fetch(&missing).await.unwrap_err(), @"`http://[HUB]/acme/mesh/releases/download/v4.1.0/a.bin` does not exist");
    let cut = serve(|_| {
        Script::default()
            .send("HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nhalf")
            .close()
    });
    insta::assert_snapshot!(fetch(&cut).await.unwrap_err(), @"the download of `http://[HUB]/acme/mesh/releases/download/v4.1.0/a.bin` broke off after 4 bytes of 9 // try again; nothing was changed");
    let announced = serve(|_| Script::body(200, "x/y", "x".repeat(101)));
    insta::assert_snapshot!(fetch(&announced).await.unwrap_err(), @"`http://[HUB]/acme/mesh/releases/download/v4.1.0/a.bin` is larger than 100 bytes // a proxy or mirror may answer in its place; open the URL in a browser");
    let unannounced = serve(|_| {
        Script::default()
            .send("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")
            .chunk("x".repeat(60))
            .chunk("x".repeat(60))
            .end()
    });
    insta::assert_snapshot!(fetch(&unannounced).await.unwrap_err(), @"`http://[HUB]/acme/mesh/releases/download/v4.1.0/a.bin` is larger than 100 bytes // a proxy or mirror may answer in its place; open the URL in a browser");
}

#[tokio::test]
async fn the_token_does_not_follow_to_another_server() {
    let store = serve(|_| Script::body(200, "x/y", "content"));
    let elsewhere = format!("{}/blob", store.url());
    let server = serve(move |_| redirect(&elsewhere));
    assert_eq!(fetch(&server).await.unwrap(), b"content");
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Bearer t0ken")
    );
    assert_eq!(store.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_redirect_leads_to_http_only() {
    let server = serve(|_| redirect("file:///etc/hostname"));
    insta::assert_snapshot!(fetch(&server).await.unwrap_err(), @"`file:///etc/hostname` is not encrypted // a proxy or mirror leads astray; ask whoever runs it for `https`");
}

#[tokio::test]
async fn a_download_is_written_while_it_comes() {
    let server = serve(|_| Script::body(200, "x/y", "y".repeat(50_000)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    let client = client(&server);
    let url = client.source().file(&Version::new(4, 1, 0), "a.bin");
    let mut seen = Vec::new();
    client
        .download(&url, &path, 1 << 20, &mut |progress| seen.push(progress))
        .await
        .unwrap();
    assert_eq!(std::fs::read(&path).unwrap().len(), 50_000);
    let end = Progress {
        received: 50_000,
        expected: Some(50_000),
    };
    assert_eq!(seen.last(), Some(&end));
    let again = client.download(&url, &path, 1 << 20, &mut |_| {}).await;
    assert!(
        matches!(again, Err(ReleaseError::Write { .. })),
        "{again:?}"
    );
}

#[tokio::test]
#[cfg(unix)]
async fn a_folder_of_this_machine_is_read_with_the_same_care() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a.bin"), "content").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("large"), "y".repeat(101)).unwrap();
    let url = format!("file://{}", folder.path().display());
    let environment = [(EnvVars::MCP_MESH_DOWNLOAD_URL, url)];
    let source = ReleaseSource::resolve(
        "https://github.com/acme/mesh",
        &environment.into_iter().collect(),
    );
    let client = ReleaseClient::new(source.unwrap());
    let version = Version::new(4, 1, 0);
    assert_eq!(
        client.fetch(&version, "a.bin", 100).await.unwrap(),
        b"content"
    );
    let mut said = Vec::new();
    for name in ["missing", "folder", "large"] {
        let error = client.fetch(&version, name, 100).await.unwrap_err();
        let text = describe(&error).replace(folder.path().to_str().unwrap(), "[FOLDER]");
        // The number of the error is the system's own.
        said.push(text.split(" (os error").next().unwrap().to_owned());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    `file://[FOLDER]/missing` does not exist
    cannot read `[FOLDER]/folder`: it is no file
    `file://[FOLDER]/large` is larger than 100 bytes
    ");

    let path = at("copy");
    let url = client.source().file(&version, "a.bin");
    let mut seen = Vec::new();
    client
        .download(&url, &path, 100, &mut |progress| seen.push(progress))
        .await
        .unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"content");
    let whole = Progress {
        received: 7,
        expected: Some(7),
    };
    assert_eq!(seen, [whole]);
}

#[tokio::test]
async fn nobody_at_home_is_said_plainly() {
    let server = serve(|_| Script::status(200));
    let client = client(&server);
    let address = server.address().to_string();
    drop(server);
    let error = client
        .fetch(&Version::new(4, 1, 0), "a.bin", 100)
        .await
        .unwrap_err();
    let text = describe(&error).replace(&address, "[HUB]");
    // The reason is in the system's own words.
    let (text, reason) = text.rsplit_once("`: ").unwrap();
    insta::assert_snapshot!(text, @"failed to reach `http://[HUB]/acme/mesh/releases/download/v4.1.0/a.bin");
    assert!(reason.contains("refused"), "{reason}");
}
