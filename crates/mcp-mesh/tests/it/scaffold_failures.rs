//! What `scaffold` cannot write: nothing is left of it.

use std::fs;

use mesh_test::{mesh_snapshot, session, test_context};

#[test]
fn values_that_make_no_sense_are_named() {
    let context = test_context!();
    let _ = context.write("torn.yaml", "name: [a\n");
    let _ = context.write("wrong.yaml", "name: a\nport: many\n");
    let _ = context.write("tools.yaml", "name: a\ntools:\n  - name: 1st\n");
    let lines = [
        "scaffold --agent-type nonsense -n a",
        "scaffold basic -n a --template-dir nowhere",
        "scaffold a2a-consumer -n a --url http://127.0.0.1:1 --auth-env 1ST",
        "scaffold a2a-consumer -n a --url nonsense",
        "scaffold a2a-consumer -n a --url http://127.0.0.1:1 --allow-private-network",
        "scaffold --config nowhere.yaml",
        "scaffold --config torn.yaml",
        "scaffold --config wrong.yaml",
        "scaffold --config tools.yaml",
        "scaffold",
    ];
    mesh_snapshot!(context, said: session(|| context.meshctl(), &lines), @r"
        $ meshctl scaffold --agent-type nonsense -n a
        Error: `nonsense` is no --agent-type: tool, llm-agent or llm-provider
        Hint: `meshctl scaffold --help` lists the kinds
        exit: 1
        $ meshctl scaffold basic -n a --template-dir nowhere
        Error: cannot read templates from `nowhere`: No such file or directory (os error 2)
        exit: 1
        $ meshctl scaffold a2a-consumer -n a --url http://127.0.0.1:1 --auth-env 1ST
        Error: `1ST` is no name of a variable
        Hint: name the variable that has the token, such as `A2A_BEARER_TOKEN`
        exit: 1
        $ meshctl scaffold a2a-consumer -n a --url nonsense
        Error: `nonsense` is no address of an agent: relative URL without a base
        Hint: use a URL such as `https://example.org/agents/date`
        exit: 1
        $ meshctl scaffold a2a-consumer -n a --url http://127.0.0.1:1 --allow-private-network
        Error: cannot reach `http://127.0.0.1:1/.well-known/agent.json`: Connection refused
        Hint: see that the agent runs, or leave blanks with `--offline`
        exit: 1
        $ meshctl scaffold --config nowhere.yaml
        Error: cannot read `nowhere.yaml`: No such file or directory (os error 2)
        exit: 1
        $ meshctl scaffold --config torn.yaml
        Error: `torn.yaml`:1: expected string scalar
        Hint: correct the file; `meshctl scaffold --help` says what flags take
        exit: 1
        $ meshctl scaffold --config wrong.yaml
        Error: `wrong.yaml`:2: that is not a number from 1 to 65535
        Hint: correct the file; `meshctl scaffold --help` says what flags take
        exit: 1
        $ meshctl scaffold --config tools.yaml
        Error: `tools.yaml`: `1st` is no name for a tool: use a letter, then letters, digits, `-`, `_` and `.`
        Hint: correct the file; `meshctl scaffold --help` says what flags take
        exit: 1
        $ meshctl scaffold
        Error: --name is required
        Hint: for instance `meshctl scaffold basic --name my-agent`
        exit: 1
        ");
}

#[test]
fn what_is_in_the_way_is_named_and_stays() {
    let context = test_context!();
    let _ = context.write("a", "mine");
    let _ = context.write(
        "last/high/main.py",
        "import mesh\n@mesh.agent(name='high', http_port=65535)\nclass High: ...\n",
    );
    fs::create_dir_all(context.home().join("stack/docker-compose.yml")).unwrap();
    let lines = [
        "scaffold basic -n a --port 8080",
        "scaffold basic -n b -o last",
        "scaffold basic -n c -o a",
        "scaffold --compose --observability -o stack",
        "scaffold --compose -o nowhere",
    ];
    mesh_snapshot!(context, said: session(|| context.meshctl(), &lines), @r"
        $ meshctl scaffold basic -n a --port 8080
        Error: `a` is there and is no folder
        Hint: choose another name, or another folder with `--output`
        exit: 1
        $ meshctl scaffold basic -n b -o last
        Error: an agent here has port 65535, and none is above
        Hint: choose a port with `--port`
        exit: 1
        $ meshctl scaffold basic -n c -o a
        Error: cannot create `a`: File exists (os error 17)
        Hint: part of that path is a file
        exit: 1
        $ meshctl scaffold --compose --observability -o stack
        Error: cannot read `stack/docker-compose.yml`: Is a directory (os error 21)
        exit: 1
        $ meshctl scaffold --compose -o nowhere
        Error: cannot look into `nowhere`: No such file or directory (os error 2)
        exit: 1
        ");
    assert_eq!(
        fs::read_to_string(context.home().join("a")).unwrap(),
        "mine"
    );
    assert!(!context.home().join("last/b").exists());
}

#[test]
fn agents_whose_services_would_be_one_are_told_apart() {
    let agent = |name: &str, port: u16| {
        format!("import mesh\n@mesh.agent(name='{name}', http_port={port})\nclass One: ...\n")
    };
    let context = test_context!();
    let _ = context.write("one/main.py", &agent("same", 8081));
    let _ = context.write("other/main.py", &agent("same", 8082));
    mesh_snapshot!(context, said: session(|| context.meshctl(), &["scaffold --compose"]), @r"
        $ meshctl scaffold --compose
        Error: the agents in `one` and `other` are both called `same`
        Hint: give one of them another name in its source
        exit: 1
        ");
    let context = test_context!();
    let _ = context.write("one/main.py", &agent("registry", 8081));
    mesh_snapshot!(context, said: session(|| context.meshctl(), &["scaffold --compose"]), @r"
        $ meshctl scaffold --compose
        Error: the agent in `one` is called `registry`, which cannot be its service's name
        Hint: give it another name in its source
        exit: 1
        ");
}

#[cfg(target_os = "linux")]
#[test]
fn a_wizard_that_is_left_writes_nothing() {
    use mesh_test::terminal::Terminal;

    let context = test_context!();
    let mut command = context.meshctl();
    command.arg("scaffold");
    let mut terminal = Terminal::run(&command, (20, 100));
    terminal.until("it asks", |screen| screen.contains('?'));
    terminal.press(b"\x03");
    assert_eq!(terminal.wait().code(), Some(1));
    let screen = terminal.screen();
    assert!(screen.contains("Error: nothing was written"), "{screen}");
    assert_eq!(fs::read_dir(context.home()).unwrap().count(), 0);
}
