"""Whether the agent in this container is well: asks the `/health` that every agent serves.

The port is `MCP_MESH_HTTP_PORT`, or else whatever listens in here, since an agent may name its port
in its own code, or leave it to the system.
"""

import json
import os
import socket
import sys

TRUE_WORDS = {"true", "1", "yes", "on"}  # the agent's own
LISTENING = "0A"  # TCP_LISTEN, as the kernel prints it
DOCKERS_OWN_NAMES = "0B00007F"  # 127.0.0.11, where Docker's own name server listens


def main() -> str | None:
    """Says what is wrong, or nothing."""
    serves = os.environ.get("MCP_MESH_HTTP_ENABLED") or "true"
    if serves.strip().lower() not in TRUE_WORDS:
        return None  # An agent without HTTP cannot be asked; that it runs is all there is to know.
    named = os.environ.get("MCP_MESH_HTTP_PORT", "")
    is_port = named.isdecimal() and 0 < int(named) < 65_536
    ports = [int(named)] if is_port else listening()
    for port in ports:
        answer = ask(port)
        if answer is not None:
            status, body = answer
            return None if status == 200 else f"port {port} answers {status}: {body}"
    if ports:
        return f"no agent answers /health on port {' or '.join(map(str, ports))}"
    return "nothing listens here; run a program that serves no agent with --no-healthcheck"


def listening() -> list[int]:
    """The ports that are listened on in this container."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:  # noqa: PTH123 -- pathlib is slow to import
                lines = file.readlines()[1:]
        except OSError:
            continue  # A kernel without IPv6 has no such table.
        for line in lines:
            _, local, _, state, *_ = line.split()
            address, _, port = local.rpartition(":")
            if state == LISTENING and address != DOCKERS_OWN_NAMES:
                ports.add(int(port, 16))
    return sorted(ports)


def ask(port: int) -> tuple[int, str] | None:
    """Status and text of the agent's health; nothing if no agent is there."""
    request = b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n"
    try:
        # Not by Python's HTTP client: that takes longer to load than all of this to run.
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
        protocol, status, *_ = head.split(maxsplit=2)
        is_agent = protocol.startswith("HTTP/") and "agent" in json.loads(body)
        return (int(status), body) if is_agent else None
    except (OSError, ValueError, TypeError):
        return None


if __name__ == "__main__":
    wrong = main()
    if wrong:
        sys.exit(wrong)
