"""TLS with certificates from files: agents that call one another, and whoever they refuse."""

import re
import signal
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_process import AgentProcess, Agents, call, free_port, get, wait_for
from certificates import CLIENT_ONLY, Authority, environment
from fake_mesh import FakeRegistry
from real_mesh import address, real_mesh

import mesh
from mesh.serving.environment import SettingError
from mesh.serving.settings import Address, resolve
from mesh.serving.tls import read_tls

PROVIDER = """
    import mesh

    @mesh.tool("echo")
    async def echo(text: str = "") -> str:
        return f"echo {text}"

    @mesh.tool("slow", task=True)
    async def slow(n: int, job: mesh.MeshJob = None) -> str:
        if not n:
            await job.recv_event(timeout_secs=60)
        return f"did {n}"

    @mesh.agent(name="provider")
    class Provider: ...
"""

CONSUMER = """
    import mesh

    @mesh.tool("ask", dependencies=["echo"])
    async def ask(echo: mesh.McpMeshTool = None) -> str:
        return await echo(text="hi")

    @mesh.tool("ask_sync", dependencies=["echo"])
    def ask_sync(echo: mesh.McpMeshTool = None) -> str:
        return echo(text="sync")

    @mesh.tool("order", dependencies=["slow"])
    async def order(slow: mesh.MeshJob = None) -> str:
        proxy = await slow.submit(n=3)
        return await proxy.wait(timeout_secs=20)

    @mesh.tool("begin", dependencies=["slow"])
    async def begin(slow: mesh.MeshJob = None) -> str:
        return (await slow.submit(n=0)).job_id

    @mesh.agent(name="consumer")
    class Consumer: ...
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    with real_mesh(tmp_path) as agents:
        yield agents


def text_of(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


def ask(agents: Agents, who: ssl.SSLContext, tool: str = "ask") -> str:
    return text_of(call(address(agents, "consumer"), tool, who))


def quiet(agent: AgentProcess) -> bool:
    """Whether the log tells of no failure at all."""
    return not re.search(r"Traceback|ERROR|WARN", agent.errors())


def test_agents_call_one_another_with_certificates_on_both_sides(
    agents: Agents, authority: Authority
) -> None:
    provider = agents.start(PROVIDER, "provider", **authority.certify("provider"))
    consumer = agents.start(CONSUMER, "consumer", **authority.certify("consumer"))
    me = authority.client(authority.certify("me"))
    for name in ("provider", "consumer"):
        url = address(agents, name)
        assert url.startswith("https://127.0.0.1:")
        for probe in ("health", "ready", "livez"):
            assert get(f"{url}/{probe}", me)[0] == 200
    assert ask(agents, me) == "echo hi"
    assert ask(agents, me, "ask_sync") == "echo sync"
    assert ask(agents, me, "order") == "did 3"
    assert "tools at https://127.0.0.1:" in consumer.errors()
    for agent in (consumer, provider):
        before = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - before < 3
        assert quiet(agent), agent.errors()


def test_whoever_shows_no_certificate_of_the_authority_is_refused_and_the_log_stays_quiet(
    agents: Agents, authority: Authority, tmp_path: Path
) -> None:
    agent = agents.start(PROVIDER, "provider", **authority.certify("provider"))
    url = address(agents, "provider")
    other = Authority(tmp_path, "other")
    stranger = authority.client(other.certify("stranger"))
    for who in (authority.client(), stranger):
        for _ in range(20):
            assert get(f"{url}/health", who) == (0, None)
    # Without TLS nobody answers at all.
    port = int(url.rpartition(":")[2])
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
            with_tls = b""
            try:
                while part := plain.recv(4096):
                    with_tls += part
            except ConnectionResetError:
                pass
            assert b"HTTP/" not in with_tls
    me = authority.client(authority.certify("me"))
    assert get(f"{url}/health", me)[0] == 200
    assert agent.stop() == 0
    assert quiet(agent), agent.errors()
    assert agent.errors().count("a caller is refused: peer did not return a certificate") == 1
    assert agent.errors().count("a caller is refused") == 1
    assert len(agent.errors().splitlines()) == 2


def test_the_oldest_protocol_is_tls_1_2(authority: Authority) -> None:
    tls = read_tls(environment(authority.certify("agent")))
    assert tls is not None
    assert tls.server.minimum_version == ssl.TLSVersion.TLSv1_2
    assert not [each for each in tls.server.get_ciphers() if each["protocol"] == "SSLv3"]


def test_without_an_authority_anybody_may_call_and_a_strict_agent_says_so(
    agents: Agents, authority: Authority
) -> None:
    settings = authority.certify("provider") | {"tls_mode": "strict"}
    del settings["tls_ca"]
    agent = agents.start(PROVIDER, "provider", **settings)
    assert get(f"{address(agents, 'provider')}/health", authority.client())[0] == 200
    assert "MCP_MESH_TLS_MODE is strict, but without MCP_MESH_TLS_CA anybody" in agent.errors()


def test_a_provider_that_the_consumers_authority_does_not_know_is_one_clear_error(
    agents: Agents, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    agents.start(PROVIDER, "provider", **other.certify("provider"))
    agents.start(CONSUMER, "consumer", **authority.certify("consumer"))
    provider = address(agents, "provider")
    me = authority.client(authority.certify("me"))
    said = ask(agents, me)
    assert f"failed to reach `{provider}/mcp`" in said
    assert "invalid peer certificate: UnknownIssuer (nobody that is trusted here" in said
    assert "name its authority in `MCP_MESH_TLS_CA`" in said
    assert "\n" not in said


def test_a_consumer_without_certificate_is_refused_with_an_error_that_says_why(
    agents: Agents, authority: Authority
) -> None:
    agents.start(PROVIDER, "provider", **authority.certify("provider"))
    agents.start(CONSUMER, "consumer")
    address(agents, "provider")
    said = text_of(call(address(agents, "consumer"), "ask"))
    assert "UnknownIssuer" in said
    assert "set `MCP_MESH_TLS_MODE` to `auto`" in said


def test_a_consumer_whom_the_provider_does_not_trust_is_told_where_to_look(
    agents: Agents, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    both = tmp_path / "both.pem"
    both.write_bytes(authority.ca.read_bytes() + other.ca.read_bytes())
    provider = agents.start(PROVIDER, "provider", **authority.certify("provider"))
    agents.start(CONSUMER, "consumer", **other.certify("consumer") | {"tls_ca": str(both)})
    address(agents, "provider")
    me = other.client(authority.certify("me"))
    assert "its log tells, and its `MCP_MESH_TLS_CA` decides" in ask(agents, me)
    assert "a caller is refused: its certificate: " in provider.errors()


def test_a_provider_must_be_who_its_address_says(agents: Agents, authority: Authority) -> None:
    agents.start(PROVIDER, "provider", **authority.certify("provider", hosts=["localhost"]))
    agents.start(CONSUMER, "consumer", **authority.certify("consumer"))
    address(agents, "provider")
    said = ask(agents, authority.client(authority.certify("me")))
    assert "not valid for name" in said
    assert "127.0.0.1" in said
    assert "localhost" in said


def test_a_registry_that_wants_certificates_is_told_of_by_them(
    authority: Authority, tmp_path: Path
) -> None:
    registry = FakeRegistry(tls=authority.server(authority.certify("registry")))
    agents = Agents(tmp_path, registry.url)
    try:
        agent = agents.start(PROVIDER, "provider", **authority.certify("provider"))
        wait_for("a registration", lambda: registry.registrations)
        told = registry.registrations[0]
        assert (told["http_scheme"], told["http_host"]) == ("https", "127.0.0.1")
        assert agent.stop() == 0
        assert registry.log[-1].startswith("DELETE")
        assert quiet(agent), agent.errors()
        nobody = agents.start(PROVIDER, "nobody", tls_mode="off")
        port = free_port()
        nobody = agents.start(PROVIDER, "nobody", http_port=str(port))
        wait_for("a server", lambda: get(f"http://127.0.0.1:{port}/ready")[0] == 200)
        assert "UnknownIssuer" in str(get(f"http://127.0.0.1:{port}/ready")[1])
        assert nobody.stop() == 0
    finally:
        agents.close()
        registry.server.close()


async def test_jobs_are_asked_about_by_certificates_outside_of_agents_too(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = FakeRegistry(tls=authority.server(authority.certify("registry")))
    try:
        monkeypatch.setenv("MCP_MESH_REGISTRY_URL", registry.url)
        with pytest.raises(RuntimeError, match="UnknownIssuer"):
            await mesh.jobs.status("job-1")
        for name, value in environment(authority.certify("me")).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(mesh.jobs.JobNotFoundError):
            await mesh.jobs.status("job-1")
    finally:
        registry.server.close()


def test_the_registry_reaches_agents_behind_tls(tmp_path: Path, authority: Authority) -> None:
    own = environment(authority.certify("registry"))
    del own["MCP_MESH_TLS_MODE"]
    with real_mesh(tmp_path, MCP_MESH_LOG_LEVEL="DEBUG", **own) as agents:
        agents.start(PROVIDER, "provider", **authority.certify("provider"))
        agents.start(CONSUMER, "consumer", **authority.certify("consumer"))
        target = address(agents, "provider").removeprefix("https://")
        result = call(f"{agents.registry_url}/proxy/{target}", "echo", text="x")
        assert text_of(result) == "echo x"

        job = ask(agents, authority.client(authority.certify("me")), "begin")
        url = f"{agents.registry_url}/jobs/{job}"
        wait_for("its owner", lambda: get(url)[1]["owner_instance_id"])
        with urllib.request.urlopen(f"{url}/cancel", data=b"", timeout=10) as answer:
            assert answer.status == 200
        log = tmp_path / "registry.log"
        wait_for("the owner to be told", lambda: "owner told to cancel" in log.read_text())


GATEWAY = """
    import mesh
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI(title="shop")

    @app.get("/ask")
    @mesh.route(dependencies=["echo"])
    async def ask(echo: mesh.McpMeshTool = None) -> str | None:
        return echo and await echo(text="gateway")

    if __name__ == "__main__":
        uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", **TLS)
"""


@pytest.mark.parametrize("is_secure", [True, False])
def test_an_application_calls_by_certificates_and_is_served_as_its_program_says(
    agents: Agents, authority: Authority, *, is_secure: bool
) -> None:
    agents.start(PROVIDER, "provider", **authority.certify("provider"))
    own = authority.certify("shop")
    port = free_port()
    tls = {"ssl_certfile": own["tls_cert"], "ssl_keyfile": own["tls_key"]} if is_secure else {}
    script = GATEWAY.replace("PORT", str(port)).replace("**TLS", f"**{tls!r}")
    agents.start(script, "shop", **own)
    scheme = "https" if is_secure else "http"
    assert address(agents, "shop") == f"{scheme}://127.0.0.1:{port}"
    url = f"{scheme}://127.0.0.1:{port}/ask"
    who = authority.client() if is_secure else None
    wait_for("an answer", lambda: get(url, who) == (200, "echo gateway"))


EMBEDDED = """
    import mesh
    import uvicorn
    from fastapi import FastAPI
    from fastmcp import FastMCP

    tools = FastMCP("embedded")

    @tools.tool()
    @mesh.tool("ask", dependencies=["echo"])
    async def ask(echo: mesh.McpMeshTool = None) -> str:
        return await echo(text="embedded")

    @mesh.agent(name="embedded", auto_run=False)
    class Embedded: ...

    served = tools.http_app(stateless_http=True)
    app = FastAPI(lifespan=served.lifespan)
    app.mount("/", served)

    if __name__ == "__main__":
        uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", **TLS)
"""


def test_an_embedded_agent_is_called_at_the_programs_server(
    agents: Agents, authority: Authority
) -> None:
    agents.start(PROVIDER, "provider", **authority.certify("provider"))
    own = authority.certify("embedded")
    port = free_port()
    tls = {"ssl_certfile": own["tls_cert"], "ssl_keyfile": own["tls_key"]}
    script = EMBEDDED.replace("PORT", str(port)).replace("**TLS", f"**{tls!r}")
    agents.start(script, "embedded", **own)
    url = f"https://127.0.0.1:{port}"
    wait_for("its address", lambda: address(agents, "embedded") == url)
    assert text_of(call(url, "ask", authority.client())) == "echo embedded"


async def test_an_a2a_client_believes_the_authority_and_shows_its_certificate(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fake_mesh import Server

    server = Server(
        lambda request: request.answer(
            200, '{"jsonrpc":"2.0","id":1,"result":{"id":"t","status":{"state":"completed"}}}'
        ),
        authority.server(authority.certify("outside")),
    )
    try:
        for name, value in environment(authority.certify("me")).items():
            monkeypatch.setenv(name, value)
        async with mesh.A2AClient(server.url, "skill") as client:
            assert (await client.send({"role": "user", "parts": []})).state == "completed"
    finally:
        server.close()


def test_an_unknown_mode_is_refused() -> None:
    for mode in ("sometimes", "true", "on"):
        message = f"MCP_MESH_TLS_MODE is '{mode}'; it must be 'off', 'auto' or 'strict'"
        with pytest.raises(SettingError, match=f"^{re.escape(message)}$"):
            resolve({"MCP_MESH_TLS_MODE": mode}, None)
    for mode in ("off", "OFF", ""):
        assert resolve({"MCP_MESH_TLS_MODE": mode, "MCP_MESH_TLS_CERT": "gone"}, None).tls is None


@pytest.mark.parametrize(
    ("provider", "instead"),
    [("vault", "Vault's agent"), ("SPIRE", "spiffe-helper"), ("etcd", "'file', the only one")],
)
def test_certificates_come_from_files_alone(
    authority: Authority, provider: str, instead: str
) -> None:
    settings = environment(authority.certify("agent"))
    assert read_tls(settings | {"MCP_MESH_TLS_PROVIDER": "File"}) is not None
    with pytest.raises(SettingError) as refused:
        read_tls(settings | {"MCP_MESH_TLS_PROVIDER": provider})
    assert str(refused.value).startswith(f"MCP_MESH_TLS_PROVIDER is '{provider}'; it must be ")
    assert instead in str(refused.value)


@pytest.mark.parametrize("mode", ["auto", "strict"])
@pytest.mark.parametrize("missing", ["cert", "key"])
def test_tls_needs_a_certificate_and_its_key(authority: Authority, mode: str, missing: str) -> None:
    settings = environment(authority.certify("agent") | {"tls_mode": mode})
    del settings[f"MCP_MESH_TLS_{missing.upper()}"]
    message = (
        f"MCP_MESH_TLS_{missing.upper()} is ''; it must be the name of a PEM file, "
        f"because MCP_MESH_TLS_MODE is '{mode}'"
    )
    with pytest.raises(SettingError, match=f"^{re.escape(message)}$"):
        read_tls(settings)


FAULTS = [
    ("cert", "gone.pem", "can be read (No such file or directory)"),
    ("key", "gone.key", "can be read (No such file or directory)"),
    ("ca", "gone.pem", "can be read (No such file or directory)"),
    ("cert", ".", "can be read (Is a directory)"),
    ("cert", "other.key", "a PEM file with a certificate, and holds none"),
    ("key", "other.pem", "a PEM file with a private key, and holds none"),
    ("ca", "nothing.pem", "a PEM file with a certificate, and holds none"),
    ("cert", "broken.pem", "a PEM file whose certificates are whole"),
    ("ca", "broken.pem", "a PEM file whose certificates are whole"),
    ("key", "broken.key", "a PEM file whose private key is whole"),
    ("key", "other.key", "the key to the certificate in {folder}/agent.pem, and is another's"),
    ("key", "locked.key", "a key without a passphrase, which nobody could be asked for"),
    ("ca", "former.pem", "an authority that is still valid, and expired at "),
]


@pytest.mark.parametrize(("what", "file", "allowed"), FAULTS)
def test_a_file_that_cannot_be_used_is_named(
    authority: Authority, tmp_path: Path, what: str, file: str, allowed: str
) -> None:
    settings = authority.certify("agent")
    authority.certify("other")
    authority.certify("locked", passphrase="secret")
    Authority(tmp_path, "former", days=(-9, -1))
    (tmp_path / "nothing.pem").write_text("nothing")
    for kind, suffix in (("CERTIFICATE", "pem"), ("PRIVATE KEY", "key")):
        text = f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n"
        (tmp_path / f"broken.{suffix}").write_text(text)
    path = str(tmp_path / file)
    with pytest.raises(SettingError) as refused:
        read_tls(environment(settings | {f"tls_{what}": path}))
    said = str(refused.value)
    assert said.startswith(f"MCP_MESH_TLS_{what.upper()} is {path!r}; it must be ")
    assert allowed.format(folder=tmp_path) in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"days": (-9, -1)}, "a certificate that is still valid, and it has expired"),
        ({"days": (1, 9)}, "valid by now, and its first day is still to come"),
        ({"purposes": CLIENT_ONLY}, "a certificate for a server, and its extended key usage"),
    ],
)
def test_a_certificate_that_nobody_would_accept_is_refused(
    authority: Authority, options: dict[str, Any], reason: str
) -> None:
    settings = authority.certify("agent", **options)
    with pytest.raises(SettingError) as refused:
        read_tls(environment(settings))
    assert str(refused.value).startswith(f"MCP_MESH_TLS_CERT is '{settings['tls_cert']}'; it must ")
    assert reason in str(refused.value)


def test_a_certificate_may_bring_those_along_that_vouch_for_it(
    authority: Authority, tmp_path: Path
) -> None:
    settings = authority.certify("agent")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(Path(settings["tls_cert"]).read_bytes() + authority.ca.read_bytes())
    assert read_tls(environment(settings | {"tls_cert": str(chain)})) is not None


def test_an_agent_whose_certificate_has_expired_does_not_start(
    agents: Agents, authority: Authority
) -> None:
    agent = agents.start(PROVIDER, **authority.certify("agent", days=(-9, -1)))
    assert agent.end(60) == 1
    (line,) = agent.errors().splitlines()
    assert line.startswith("mesh: MCP_MESH_TLS_CERT is '")
    assert line.endswith("it must be a certificate that is still valid, and it has expired")
    assert get(f"{agents.registry_url}/agents")[1]["count"] == 0


def test_an_application_whose_files_cannot_be_used_does_not_start(agents: Agents) -> None:
    script = GATEWAY.replace("PORT", str(free_port())).replace(", **TLS", "")
    agent = agents.start(script, "shop", tls_mode="auto", tls_cert="gone.pem", tls_key="gone.key")
    assert agent.end(60) not in (0, -signal.SIGKILL)
    assert "MCP_MESH_TLS_CERT is 'gone.pem'; it must be a PEM file" in agent.errors()
    assert "Traceback" not in agent.errors()


def test_an_endpoint_of_ones_own_says_itself_how_it_is_called(
    agents: Agents, authority: Authority
) -> None:
    endpoint = "https://provider.example"
    assert resolve({"MCP_MESH_HTTP_ENDPOINT": endpoint}, None).http_endpoint == Address(
        "provider.example", 443, "https"
    )
    agents.start(PROVIDER, "provider", http_endpoint=endpoint)
    assert address(agents, "provider") == "https://provider.example:443"
