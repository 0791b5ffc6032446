//! Words that a command does not know, misses, or cannot take together, and values that it cannot take.

use mesh_test::{TestContext, mesh_snapshot, session, test_context};

/// Without a word that the command needs.
const MISSING: &[&str] = &[
    "audit",
    "call",
    "completion",
    "config get",
    "config set registry_port",
    "config unset",
    "entity register",
    "entity revoke",
    "job status",
    "job reclaim",
    "job events",
    "schema diff one",
    "start --pid-file",
    "trace",
];

/// With words that it does not know.
const UNKNOWN: &[&str] = &[
    "lst",
    "job stat",
    "registry drian",
    "list --tool",
    "audit greeter --explian",
    "call book --timout 5",
    "logs greeter --folow",
    "stop --agent",
    "start --detatch greeter.py",
    "status one other",
    "version surplus",
    "ui surplus",
    "entity list surplus",
    "job list surplus",
    "doctor surplus",
];

/// With values that it cannot take.
const VALUES: &[&str] = &[
    "audit greeter --limit 501",
    "audit greeter --dep first",
    "list --timeout 99999999999999999999",
    "list --registry-port -1",
    "call book --timeout soon",
    "completion tcsh",
    "config show --format xml",
    "job list --limit 0",
    "job events 1 --after last",
    "list --limit 1001",
    "list --registry-scheme gopher",
    "list --registry-port 70000",
    "list --timeout 0",
    "logs greeter --tail many",
    "logs -p 1",
    "registry drain --wait --poll-interval never",
    "scaffold basic --name a --lang ruby",
    "scaffold basic --name a --port 0",
    "scaffold llm --response-format yaml",
    "start greeter.py --registry-port x",
    "start greeter.py --health-check-interval 0",
    "stop --timeout soon",
    "trace 0123456789abcdef0123456789abcdef --retries some",
    "status --registry-url localhost",
    "status --registry-url ftp://localhost",
];

/// With words that cannot go together.
const CONTRADICTIONS: &[&str] = &[
    "list --tools --services",
    "list --schemas --watch",
    "list --all --tools --schemas",
    "start --registry-only --connect-only",
    "start --registry-only --registry-url http://localhost:1",
    "start --watch --registry-only",
    "start --quiet --json greeter.py",
    "stop --keep-registry --registry",
    "stop --clean --agents",
    "stop greeter --agents",
    "logs greeter --list",
    "logs greeter --follow --previous 1",
    "man tags --list",
    "scaffold --config agent.yaml --compose",
    "self update --check --version 4.0.0",
];

/// What is typed and what comes of it, without the line that ends it each time.
fn told(context: &TestContext, lines: &[&str]) -> String {
    let said = session(|| context.meshctl(), lines);
    said.replace("\n\nFor more information, try '--help'.\n", "\n")
}

#[test]
fn what_is_missing_is_named() {
    let context = test_context!();
    mesh_snapshot!(context, said: told(&context, MISSING), @r"
        $ meshctl audit
        Error: the following required arguments were not provided:
          <AGENT>

        Usage: meshctl audit <AGENT>
        exit: 1
        $ meshctl call
        Error: the following required arguments were not provided:
          <[AGENT:]TOOL>

        Usage: meshctl call <[AGENT:]TOOL> [JSON]
        exit: 1
        $ meshctl completion
        Error: the following required arguments were not provided:
          <SHELL>

        Usage: meshctl completion <SHELL>
        exit: 1
        $ meshctl config get
        Error: the following required arguments were not provided:
          <KEY>

        Usage: meshctl config get <KEY>
        exit: 1
        $ meshctl config set registry_port
        Error: the following required arguments were not provided:
          <VALUE>

        Usage: meshctl config set <KEY> <VALUE>
        exit: 1
        $ meshctl config unset
        Error: the following required arguments were not provided:
          <KEY>

        Usage: meshctl config unset <KEY>
        exit: 1
        $ meshctl entity register
        Error: the following required arguments were not provided:
          --ca-cert <FILE>
          <NAME>

        Usage: meshctl entity register --ca-cert <FILE> <NAME>
        exit: 1
        $ meshctl entity revoke
        Error: the following required arguments were not provided:
          <NAME>

        Usage: meshctl entity revoke <NAME>
        exit: 1
        $ meshctl job status
        Error: the following required arguments were not provided:
          <ID>

        Usage: meshctl job status <ID>
        exit: 1
        $ meshctl job reclaim
        Error: the following required arguments were not provided:
          <ID>

        Usage: meshctl job reclaim <ID>
        exit: 1
        $ meshctl job events
        Error: the following required arguments were not provided:
          <ID>

        Usage: meshctl job events <ID>
        exit: 1
        $ meshctl schema diff one
        Error: the following required arguments were not provided:
          <HASH-B>

        Usage: meshctl schema diff <HASH-A> <HASH-B>
        exit: 1
        $ meshctl start --pid-file
        Error: a value is required for '--pid-file <FILE>' but none was supplied
        exit: 1
        $ meshctl trace
        Error: the following required arguments were not provided:
          <ID>

        Usage: meshctl trace <ID>
        exit: 1
        ");
}

#[test]
fn what_is_not_known_is_refused_with_what_is_like_it() {
    let context = test_context!();
    mesh_snapshot!(context, said: told(&context, UNKNOWN), @r"
        $ meshctl lst
        Error: unrecognized subcommand 'lst'

          tip: some similar subcommands exist: 'stop', 'list'

        Usage: meshctl [OPTIONS] <COMMAND>
        exit: 1
        $ meshctl job stat
        Error: unrecognized subcommand 'stat'

          tip: a similar subcommand exists: 'status'

        Usage: meshctl job [OPTIONS] <COMMAND>
        exit: 1
        $ meshctl registry drian
        Error: unrecognized subcommand 'drian'

          tip: a similar subcommand exists: 'drain'

        Usage: meshctl registry [OPTIONS] <COMMAND>
        exit: 1
        $ meshctl list --tool
        Error: unexpected argument '--tool' found

          tip: a similar argument exists: '--tools'

        Usage: meshctl list --tools[=<TOOL>]
        exit: 1
        $ meshctl audit greeter --explian
        Error: unexpected argument '--explian' found

          tip: a similar argument exists: '--explain'

        Usage: meshctl audit --explain <AGENT>
        exit: 1
        $ meshctl call book --timout 5
        Error: unexpected argument '--timout' found

          tip: a similar argument exists: '--timeout'

        Usage: meshctl call --timeout <SECONDS> <[AGENT:]TOOL> [JSON]
        exit: 1
        $ meshctl logs greeter --folow
        Error: unexpected argument '--folow' found

          tip: a similar argument exists: '--follow'

        Usage: meshctl logs --follow <AGENT>
        exit: 1
        $ meshctl stop --agent
        Error: unexpected argument '--agent' found

          tip: a similar argument exists: '--agents'

        Usage: meshctl stop --agents [AGENT]...
        exit: 1
        $ meshctl start --detatch greeter.py
        Error: unexpected argument '--detatch' found

          tip: a similar argument exists: '--detach'

        Usage: meshctl start --detach [AGENT]...
        exit: 1
        $ meshctl status one other
        Error: unexpected argument 'other' found

        Usage: meshctl status [OPTIONS] [AGENT]
        exit: 1
        $ meshctl version surplus
        Error: unexpected argument 'surplus' found

        Usage: meshctl version [OPTIONS]
        exit: 1
        $ meshctl ui surplus
        Error: unexpected argument 'surplus' found

        Usage: meshctl ui [OPTIONS]
        exit: 1
        $ meshctl entity list surplus
        Error: unexpected argument 'surplus' found

        Usage: meshctl entity list [OPTIONS]
        exit: 1
        $ meshctl job list surplus
        Error: unexpected argument 'surplus' found

        Usage: meshctl job list [OPTIONS]
        exit: 1
        $ meshctl doctor surplus
        Error: unexpected argument 'surplus' found

        Usage: meshctl doctor [OPTIONS]
        exit: 1
        ");
}

#[test]
fn a_value_that_cannot_be_taken_is_named_with_what_can() {
    let context = test_context!();
    mesh_snapshot!(context, said: told(&context, VALUES), @r"
        $ meshctl audit greeter --limit 501
        Error: invalid value '501' for '--limit <NUMBER>': 501 is not in 1..=500
        exit: 1
        $ meshctl audit greeter --dep first
        Error: invalid value 'first' for '--dep <POSITION>': write a whole number
        exit: 1
        $ meshctl list --timeout 99999999999999999999
        Error: invalid value '99999999999999999999' for '--timeout <SECONDS>': that is too large
        exit: 1
        $ meshctl list --registry-port -1
        Error: unexpected argument '-1' found

        Usage: meshctl list [OPTIONS]
        exit: 1
        $ meshctl call book --timeout soon
        Error: invalid value 'soon' for '--timeout <SECONDS>': write a whole number
        exit: 1
        $ meshctl completion tcsh
        Error: invalid value 'tcsh' for '<SHELL>'
          [possible values: bash, elvish, fish, powershell, zsh]

          tip: a similar value exists: 'zsh'
        exit: 1
        $ meshctl config show --format xml
        Error: invalid value 'xml' for '--format <FORMAT>'
          [possible values: yaml, json]

          tip: a similar value exists: 'yaml'
        exit: 1
        $ meshctl job list --limit 0
        Error: invalid value '0' for '--limit <NUMBER>': 0 is not in 1..=200
        exit: 1
        $ meshctl job events 1 --after last
        Error: invalid value 'last' for '--after <NUMBER>': write a whole number
        exit: 1
        $ meshctl list --limit 1001
        Error: invalid value '1001' for '--limit <NUMBER>': 1001 is not in 1..=1000
        exit: 1
        $ meshctl list --registry-scheme gopher
        Error: invalid value 'gopher' for '--registry-scheme <SCHEME>'
          [possible values: http, https]
        exit: 1
        $ meshctl list --registry-port 70000
        Error: invalid value '70000' for '--registry-port <PORT>': 70000 is not in 1..=65535
        exit: 1
        $ meshctl list --timeout 0
        Error: invalid value '0' for '--timeout <SECONDS>': 0 is less than 1
        exit: 1
        $ meshctl logs greeter --tail many
        Error: invalid value 'many' for '--tail <LINES>': write a whole number
        exit: 1
        $ meshctl logs -p 1
        Error: no agent was named
        Hint: `meshctl logs --list` shows the logs that there are
        exit: 1
        $ meshctl registry drain --wait --poll-interval never
        Error: invalid value 'never' for '--poll-interval <SECONDS>': write a whole number
        exit: 1
        $ meshctl scaffold basic --name a --lang ruby
        Error: invalid value 'ruby' for '--lang <LANGUAGE>'
          [possible values: python, typescript, java]
        exit: 1
        $ meshctl scaffold basic --name a --port 0
        Error: invalid value '0' for '--port <PORT>': 0 is not in 1..=65535
        exit: 1
        $ meshctl scaffold llm --response-format yaml
        Error: invalid value 'yaml' for '--response-format <FORMAT>'
          [possible values: text, json]
        exit: 1
        $ meshctl start greeter.py --registry-port x
        Error: invalid value 'x' for '--registry-port <PORT>': write a whole number
        exit: 1
        $ meshctl start greeter.py --health-check-interval 0
        Error: invalid value '0' for '--health-check-interval <SECONDS>': 0 is less than 1
        exit: 1
        $ meshctl stop --timeout soon
        Error: invalid value 'soon' for '--timeout <SECONDS>': write a whole number
        exit: 1
        $ meshctl trace 0123456789abcdef0123456789abcdef --retries some
        Error: invalid value 'some' for '--retries <NUMBER>': write a whole number
        exit: 1
        $ meshctl status --registry-url localhost
        Error: `localhost` (--registry-url) is not the URL of a registry: relative URL without a base
        Hint: use a URL such as `http://localhost:8000`
        exit: 1
        $ meshctl status --registry-url ftp://localhost
        Error: `ftp://localhost` (--registry-url) is not the URL of a registry: the scheme is neither `http` nor `https`
        Hint: use a URL such as `http://localhost:8000`
        exit: 1
        ");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let context = test_context!();
    mesh_snapshot!(context, said: told(&context, CONTRADICTIONS), @r"
        $ meshctl list --tools --services
        Error: the argument '--tools[=<TOOL>]' cannot be used with '--services'

        Usage: meshctl list --tools[=<TOOL>]
        exit: 1
        $ meshctl list --schemas --watch
        Error: the argument '--schemas' cannot be used with '--watch'

        Usage: meshctl list --schemas
        exit: 1
        $ meshctl list --all --tools --schemas
        Error: the argument '--tools[=<TOOL>]' cannot be used with '--schemas'

        Usage: meshctl list --all --tools[=<TOOL>]
        exit: 1
        $ meshctl start --registry-only --connect-only
        Error: the argument '--registry-only' cannot be used with '--connect-only'

        Usage: meshctl start --registry-only [AGENT]...
        exit: 1
        $ meshctl start --registry-only --registry-url http://localhost:1
        Error: the argument '--registry-only' cannot be used with '--registry-url <URL>'

        Usage: meshctl start --registry-only [AGENT]...
        exit: 1
        $ meshctl start --watch --registry-only
        Error: the argument '--watch' cannot be used with '--registry-only'

        Usage: meshctl start --watch [AGENT]...
        exit: 1
        $ meshctl start --quiet --json greeter.py
        Error: the following required arguments were not provided:
          --detach

        Usage: meshctl start --detach --quiet --json <AGENT>...
        exit: 1
        $ meshctl stop --keep-registry --registry
        Error: the argument '--keep-registry' cannot be used with '--registry'

        Usage: meshctl stop --keep-registry [AGENT]...
        exit: 1
        $ meshctl stop --clean --agents
        Error: the argument '--clean' cannot be used with '--agents'

        Usage: meshctl stop --clean [AGENT]...
        exit: 1
        $ meshctl stop greeter --agents
        Error: the argument '[AGENT]...' cannot be used with '--agents'

        Usage: meshctl stop <AGENT>...
        exit: 1
        $ meshctl logs greeter --list
        Error: the argument '[AGENT]' cannot be used with '--list'

        Usage: meshctl logs <AGENT>
        exit: 1
        $ meshctl logs greeter --follow --previous 1
        Error: the argument '--follow' cannot be used with '--previous [<N>]'

        Usage: meshctl logs --follow <AGENT>
        exit: 1
        $ meshctl man tags --list
        Error: the argument '[TOPIC]...' cannot be used with '--list'

        Usage: meshctl man <TOPIC>...
        exit: 1
        $ meshctl scaffold --config agent.yaml --compose
        Error: the argument '--config <FILE>' cannot be used with '--compose'

        Usage: meshctl scaffold --config <FILE>
        exit: 1
        $ meshctl self update --check --version [VERSION]
        Error: the argument '--check' cannot be used with '--version <VERSION>'

        Usage: meshctl self update --check
        exit: 1
        ");
}
