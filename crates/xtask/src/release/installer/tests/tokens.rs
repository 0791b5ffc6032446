//! Who learns the token: the host that it belongs to, and nobody else.

use std::fs;

use super::machine::Machine;

const TOKEN: &str = "ghp_0123456789";

/// A curl that writes down its arguments and its standard input, and fetches from the hub whatever host it
/// is asked for.
fn with_listening_curl(machine: Machine) -> Machine {
    let hub = machine.hub.base_url().to_owned();
    let log = machine.folder().join("curl.log");
    let script = format!(
        r#"if [ "$1" = --version ]; then exec /usr/bin/curl --version; fi
echo "arguments: $*" >>{log}
if [ "$1" = --config ]; then
    sed 's/^/input: /' >>{log}
    shift 2
fi
for url; do :; done
file=
while [ "$#" -gt 0 ]; do
    if [ "$1" = --output ]; then file=$2; fi
    shift
done
path=${{url#*://}}
exec /usr/bin/curl -sSf --output "$file" "{hub}/${{path#*/}}"
"#,
        log = log.display()
    );
    machine.with_fake("curl", &script)
}

fn log(machine: &Machine) -> String {
    fs::read_to_string(machine.folder().join("curl.log")).expect("curl was asked")
}

#[test]
fn github_learns_it_and_other_users_of_the_machine_do_not() {
    let machine = with_listening_curl(Machine::new().release("4.0.1", ""));
    for (base, download, api) in [
        ("", "https://github.com/", "https://api.github.com/"),
        (
            "https://ghe.example/",
            "https://ghe.example/",
            "https://ghe.example/api/v3/",
        ),
    ] {
        let run = machine.run().env("MCP_MESH_INSTALLER_GHE_BASE_URL", base);
        run.env("MCP_MESH_GITHUB_TOKEN", TOKEN)
            .arg("--version")
            .arg("4.0")
            .succeeds();
        let log = log(&machine);
        assert!(log.contains(download) && log.contains(api), "{log}");
        let arguments = log.lines().filter(|line| line.starts_with("arguments: "));
        assert_eq!(
            arguments
                .clone()
                .filter(|line| line.contains(TOKEN))
                .count(),
            0,
            "{log}"
        );
        let sent = log
            .matches(&format!(
                "input: header = \"Authorization: Bearer {TOKEN}\""
            ))
            .count();
        assert_eq!(sent, arguments.count(), "{log}");
        fs::remove_file(machine.folder().join("curl.log")).unwrap();
    }
}

#[test]
fn a_mirror_does_not_learn_it() {
    // Not even one at GitHub.
    for host in ["mirror.example", "github.com"] {
        let machine = with_listening_curl(Machine::new());
        let printed = machine
            .run()
            .env("MCP_MESH_INSTALLER_GHE_BASE_URL", "")
            .env(
                "MCP_MESH_DOWNLOAD_URL",
                format!("https://{host}/dhyansraj/mcp-mesh/releases/download/v4.0.0"),
            )
            .env("MCP_MESH_GITHUB_TOKEN", TOKEN)
            .succeeds();
        assert!(
            printed.contains("MCP_MESH_GITHUB_TOKEN is not used: it is not for the mirror"),
            "{printed}"
        );
        assert!(!log(&machine).contains(TOKEN));
    }
}

#[test]
fn programs_that_pass_it_on_do_not_learn_it() {
    let machine = with_listening_curl(Machine::new());
    let old = "if [ \"$1\" = --version ]; then echo 'curl 7.29.0 (x86_64)'; exit; fi";
    let curl = fs::read_to_string(machine.folder().join("bin/curl")).unwrap();
    let machine = machine.with_fake("curl", &format!("{old}\n{curl}"));
    let run = machine.run().env("MCP_MESH_INSTALLER_GHE_BASE_URL", "");
    let printed = run.env("MCP_MESH_GITHUB_TOKEN", TOKEN).succeeds();
    assert!(
        printed.contains("this old curl would pass it on"),
        "{printed}"
    );
    assert!(!log(&machine).contains(TOKEN));
}

#[test]
fn a_token_that_is_none_is_refused() {
    let machine = Machine::new();
    let printed = machine
        .run()
        .env("MCP_MESH_GITHUB_TOKEN", "two words")
        .fails();
    assert!(
        printed.contains("MCP_MESH_GITHUB_TOKEN has characters that no token has"),
        "{printed}"
    );
}

#[test]
fn plain_http_does_not_learn_it() {
    let machine = Machine::new();
    let printed = machine.run().env("MCP_MESH_GITHUB_TOKEN", TOKEN).succeeds();
    assert!(
        printed.contains("MCP_MESH_GITHUB_TOKEN is not used: [hub] is not https"),
        "{printed}"
    );
    assert!(
        machine
            .hub
            .requests()
            .iter()
            .all(|request| request.token.is_none())
    );
}
