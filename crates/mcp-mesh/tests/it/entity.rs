//! `meshctl entity`: authorities of others.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use mesh_core::env::EnvVars;
use mesh_test::{TestContext, fake, mesh_snapshot, test_context};

const AUTHORITY: &str = include_str!("certificates/authority.pem");
const EXPIRED: &str = include_str!("certificates/expired.pem");
const FUTURE: &str = include_str!("certificates/future.pem");
/// What the authority vouches for.
const AGENT: &str = include_str!("certificates/agent.pem");
/// A block as files of keys have it.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nbm8ga2V5\n-----END PRIVATE KEY-----\n";

fn entity(context: &TestContext, arguments: &[&str]) -> Command {
    let mut command = context.meshctl();
    command.arg("entity").args(arguments);
    command
}

fn write(context: &TestContext, name: &str, text: &str) {
    let path = context.write(name, text);
    assert!(path.starts_with(context.home()));
}

/// A home with the certificates in files.
fn home() -> TestContext {
    let context = test_context!();
    write(&context, "acme.pem", AUTHORITY);
    write(&context, "old.pem", EXPIRED);
    write(&context, "new.pem", FUTURE);
    write(&context, "agent.pem", AGENT);
    write(&context, "key.pem", KEY);
    write(
        &context,
        "both.pem",
        &format!("{KEY}Bag Attributes\n{AUTHORITY}{AGENT}"),
    );
    context
}

#[test]
fn an_entity_comes_and_goes() {
    let context = home();
    mesh_snapshot!(context, entity(&context, &["list"]), @r"
        exit: 0
        ----- stdout -----
        No trusted entities registered. Use 'meshctl entity register' to add one.
        ----- stderr -----
        ");
    mesh_snapshot!(context, entity(&context, &["list", "--json"]), @r"
        exit: 0
        ----- stdout -----
        []
        ----- stderr -----
        ");
    mesh_snapshot!(context, entity(&context, &["register", "acme", "--ca-cert", "acme.pem"]), @r"
        exit: 0
        ----- stdout -----
        Entity 'acme' registered
          Subject: CN=Acme CA,O=acme
          Expires: 9999-12-31
          CA cert: [HOME]/.mcp-mesh/tls/entities/acme.pem
        ----- stderr -----
        ");
    mesh_snapshot!(context, entity(&context, &["register", "acme", "--ca-cert", "acme.pem"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: entity 'acme' already registered, use --force to overwrite
        ");
    mesh_snapshot!(
        context,
        entity(&context, &["register", "acme", "--ca-cert", "acme.pem", "--force"]),
        @r"
        exit: 0
        ----- stdout -----
        Entity 'acme' registered
          Subject: CN=Acme CA,O=acme
          Expires: 9999-12-31
          CA cert: [HOME]/.mcp-mesh/tls/entities/acme.pem
        ----- stderr -----
        "
    );
    mesh_snapshot!(context, entity(&context, &["list"]), @r"
        exit: 0
        ----- stdout -----
        ENTITY  SUBJECT            EXPIRES     SOURCE
        --------------------------------------------------------
        acme    CN=Acme CA,O=acme  9999-12-31  entities/acme.pem
        ----- stderr -----
        ");
    mesh_snapshot!(context, entity(&context, &["revoke", "acme"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Revoking entity 'acme' will:
          - delete its authority, [HOME]/.mcp-mesh/tls/entities/acme.pem
          - have registries that verify certificates refuse its agents when they register next
        Error: entity 'acme' is not revoked: use --force to confirm revocation
        ");
    mesh_snapshot!(context, entity(&context, &["revoke", "acne", "--force"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: entity 'acne' not found
        Hint: did you mean `acme`?
        ");
    mesh_snapshot!(context, entity(&context, &["revoke", "acme", "--force"]), @r"
        exit: 0
        ----- stdout -----
        Entity 'acme' revoked
        ----- stderr -----
        Note: agents that are in the mesh stay until they register again, which `meshctl entity rotate acme` has them do
        ");
    mesh_snapshot!(context, entity(&context, &["revoke", "acme", "--force"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: entity 'acme' not found
        Hint: `meshctl entity list` shows who is registered
        ");
}

#[test]
fn what_cannot_vouch_is_refused_and_nothing_is_written() {
    let context = home();
    let register = |name, file| entity(&context, &["register", name, "--ca-cert", file]);
    mesh_snapshot!(context, register("x", "nowhere.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: failed to read `nowhere.pem`: No such file or directory (os error 2)
        ");
    mesh_snapshot!(context, register("x", "key.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: no CERTIFICATE PEM blocks found in `key.pem`
        Hint: it is a private key: name the certificate that goes with it
        ");
    mesh_snapshot!(context, register("x", "agent.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `agent.pem`: the first certificate, `CN=forecast,O=acme`, is not a CA certificate
        Hint: ask for the certificate of the authority that issued it: `CN=Acme CA,O=acme`
        ");
    mesh_snapshot!(context, register("x", "old.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `old.pem`: the CA certificate expired on 2021-01-01
        Hint: ask its owner for the new one
        ");
    mesh_snapshot!(context, register("x", "new.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `new.pem`: the CA certificate is not yet valid, but from 9000-01-01
        Hint: register it then, or check this machine's clock
        ");
    write(&context, "torn.pem", &AUTHORITY[..200]);
    mesh_snapshot!(context, register("x", "torn.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `torn.pem` cannot be used: its PEM block 1 cannot be read: incomplete PEM
        ");
    mesh_snapshot!(context, register("../x", "acme.pem"), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: `../x` cannot be the name of an entity
        Hint: a name has letters, digits, hyphens and underscores, begins with a letter or a digit, and has 255 characters at most
        ");
    mesh_snapshot!(context, entity(&context, &["register", "x"]), @r"
        exit: 1
        ----- stdout -----
        ----- stderr -----
        Error: the following required arguments were not provided:
          --ca-cert <FILE>

        Usage: meshctl entity register --ca-cert <FILE> <NAME>

        For more information, try '--help'.
        ");
    assert!(!context.state().join("tls").exists());
}

#[test]
fn only_certificates_are_kept_and_only_for_this_user() {
    let context = home();
    mesh_snapshot!(context, entity(&context, &["register", "acme", "--ca-cert", "both.pem"]), @r"
        exit: 0
        ----- stdout -----
        Entity 'acme' registered
          Subject: CN=Acme CA,O=acme
          Expires: 9999-12-31
          CA cert: [HOME]/.mcp-mesh/tls/entities/acme.pem
        ----- stderr -----
        Warning: `both.pem` holds a private key as well, which was not stored: whoever has it can admit agents, so keep it with its owner
        ");
    let folder = context.state().join("tls/entities");
    let kept = fs::read_to_string(folder.join("acme.pem")).unwrap();
    assert_eq!(kept, format!("{AUTHORITY}{AGENT}"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&folder.join("acme.pem")) & 0o777, 0o600);
    assert_eq!(mode(&folder) & 0o777, 0o700);
    assert_eq!(mode(folder.parent().unwrap()) & 0o777, 0o700);
}

#[test]
fn the_list_says_what_is_no_longer_valid() {
    let context = home();
    let folder = context.home().join("trust");
    write(&context, "trust/ca.pem", AUTHORITY);
    write(&context, "trust/entities/old.pem", EXPIRED);
    write(&context, "trust/entities/new.pem", FUTURE);
    write(&context, "trust/entities/junk.pem", "junk");
    write(&context, "trust/entities/note.txt", "not listed");
    let list = |arguments: &[&str]| {
        let mut command = entity(&context, &["list"]);
        command.args(arguments);
        command.env(EnvVars::MCP_MESH_TRUST_DIR, &folder);
        command
    };
    mesh_snapshot!(context, list(&[]), @r"
        exit: 0
        ----- stdout -----
        ENTITY  SUBJECT            EXPIRES                             SOURCE
        -------------------------------------------------------------------------------
        (root)  CN=Acme CA,O=acme  9999-12-31                          ca.pem
        new     CN=New CA          9010-01-01 (not before 9000-01-01)  entities/new.pem
        old     CN=Old CA          2021-01-01 (expired)                entities/old.pem
        ----- stderr -----
        Warning: `entities/junk.pem` is left out: no CERTIFICATE PEM blocks are in it
        ");
    mesh_snapshot!(context, list(&["--json"]), @r#"
        exit: 0
        ----- stdout -----
        [
          {
            "name": "(root)",
            "subject": "CN=Acme CA,O=acme",
            "expires": "9999-12-31",
            "source": "ca.pem",
            "status": "valid",
            "is_root": true
          },
          {
            "name": "new",
            "subject": "CN=New CA",
            "expires": "9010-01-01",
            "source": "entities/new.pem",
            "status": "not_yet_valid"
          },
          {
            "name": "old",
            "subject": "CN=Old CA",
            "expires": "2021-01-01",
            "source": "entities/old.pem",
            "status": "expired"
          }
        ]
        ----- stderr -----
        Warning: `entities/junk.pem` is left out: no CERTIFICATE PEM blocks are in it
        "#);
    // The flag counts more.
    mesh_snapshot!(context, list(&["--trust-dir", "elsewhere"]), @r"
        exit: 0
        ----- stdout -----
        No trusted entities registered. Use 'meshctl entity register' to add one.
        ----- stderr -----
        ");
    let offered = context
        .meshctl()
        .env(EnvVars::MCP_MESH_TRUST_DIR, &folder)
        .args(["__complete", "entity", "revoke", ""])
        .output()
        .unwrap();
    let offered = String::from_utf8(offered.stdout).unwrap();
    assert_eq!(offered, "junk\tentity\nnew\tentity\nold\tentity\n");
}

/// Needs `openssl`.
#[test]
fn what_expires_soon_is_said() {
    let context = home();
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 5".split(' '))
        .args("-subj /CN=Brief -keyout brief.key -out brief.pem".split(' '))
        .current_dir(context.home())
        .output()
        .expect("the tests need `openssl`");
    assert!(made.status.success(), "{made:?}");
    // The last of the days has begun, or is about to.
    let days = [
        (r"in [45] days", "in [DAYS]"),
        (r"20\d\d-\d\d-\d\d", "[DAY]"),
        ("-{20,}", "---"),
    ];
    insta::with_settings!({ filters => days }, {
        let register = entity(&context, &["register", "brief", "--ca-cert", "brief.pem"]).output();
        let remark = String::from_utf8(register.unwrap().stderr).unwrap();
        insta::assert_snapshot!(remark, @"Warning: the authority expires in [DAYS]");
        let list = entity(&context, &["list"]).output();
        let list = String::from_utf8(list.unwrap().stdout).unwrap();
        insta::assert_snapshot!(list, @r"
            ENTITY  SUBJECT   EXPIRES                 SOURCE
            ---
            brief   CN=Brief  [DAY] (in [DAYS])  entities/brief.pem
            ");
    });
}

#[test]
fn a_rotation_asks_the_registry() {
    let agent = fake::agent("greeter", "http://127.0.0.1:1", vec![fake::tool("greet")]);
    let context = test_context!().with_registration(&agent);
    mesh_snapshot!(context, entity(&context, &["rotate"]), @r"
        exit: 0
        ----- stdout -----
        Rotation triggered for all agents
        1 agent(s) will re-register on next heartbeat
        ----- stderr -----
        ");
    mesh_snapshot!(context, entity(&context, &["rotate", "acme"]), @r"
        exit: 0
        ----- stdout -----
        Rotation triggered for entity 'acme'
        0 agent(s) will re-register on next heartbeat
        ----- stderr -----
        Note: no healthy agent is known by a certificate of 'acme'
        ");
    mesh_snapshot!(context, entity(&context, &["rotate", "--json"]), @r#"
        exit: 0
        ----- stdout -----
        {
          "message": "Rotation triggered for all agents",
          "affected_agents": 1,
          "entity_id": ""
        }
        ----- stderr -----
        "#);
    let url = context.registry().url();
    let alone = test_context!();
    let mut by_flag = entity(&alone, &["rotate", "--registry-url", &url]);
    mesh_snapshot!(alone, by_flag, @r"
        exit: 0
        ----- stdout -----
        Rotation triggered for all agents
        1 agent(s) will re-register on next heartbeat
        ----- stderr -----
        ");
    let mut hidden = entity(&alone, &["rotate", "--exit-code", "--registry-url"]);
    hidden.arg(format!("{url}/elsewhere"));
    mesh_snapshot!(context, hidden, @r"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        Error: the registry at `[REGISTRY]/elsewhere` refused the request with 404: 404 page not found
        Hint: if it runs with `MCP_MESH_ADMIN_PORT`, pass that port: `--registry-url http://localhost:<MCP_MESH_ADMIN_PORT>`
        ");
    mesh_snapshot!(
        alone,
        entity(&alone, &["rotate", "--exit-code", "--registry-url", "http://127.0.0.1:1"]),
        @r"
        exit: 4
        ----- stdout -----
        ----- stderr -----
        Error: failed to reach the registry at `http://127.0.0.1:1`: Connection refused
        Hint: start one with `meshctl start --registry-only`, or check its address
        "
    );
}
