"""An agent that needs nothing but Python: it registers, answers MCP calls and leaves."""

import contextlib
import http.server
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request

REGISTRY = os.environ["MCP_MESH_REGISTRY_URL"]
SCHEMA = {"type": "object", "properties": {"who": {"type": "string"}}}


class mesh:  # noqa: N801 (it stands for the module)
    """Stands in for the package, so that the declaration below is real source."""

    @staticmethod
    def agent(**_arguments):
        return lambda target: target


@mesh.agent(name="NAME")
class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.body())
        if request["method"] == "tools/list":
            result = json.dumps({"tools": [{"name": "NAME_hello", "inputSchema": SCHEMA}]})
        elif "fail" in request["params"]["arguments"]:
            result = '{"content":[{"type":"text","text":"no"}],"isError":true}'
        else:
            arguments = json.dumps(request["params"]["arguments"], separators=(",", ":"))
            tenant = self.headers.get("X-Tenant", "")
            result = f'{{"z":1.50,"a":{arguments},"tenant":"{tenant}","e":1e3}}'
        answer = f'{{"jsonrpc":"2.0","id":{json.dumps(request["id"])},"result":{result}}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_arguments):
        pass


def ask(method, path, body=None):
    request = urllib.request.Request(REGISTRY + path, method=method, data=body)
    request.add_header("Content-Type", "application/json")
    return urllib.request.urlopen(request, timeout=10).read()


def leave(*_arguments):
    print("leaving", flush=True)
    with contextlib.suppress(OSError):
        ask("DELETE", f"/agents/{agent_id}")
    os._exit(0)


print("hello from NAME", flush=True)
signal.signal(signal.SIGTERM, leave)
pass  # noqa: PIE790 CHANGE
port = int(os.environ.get("MCP_MESH_HTTP_PORT", "0"))
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Agent)
threading.Thread(target=server.serve_forever, daemon=True).start()
agent_id = os.environ.get("MCP_MESH_AGENT_NAME", "NAME") + "-" + os.urandom(4).hex()
registration = {
    "agent_id": agent_id,
    "name": os.environ.get("MCP_MESH_AGENT_NAME", "NAME"),
    "agent_type": "mcp_agent",
    "http_host": "127.0.0.1",
    "http_port": server.server_port,
    "tools": [
        {
            "function_name": "NAME_hello",
            "capability": "greeting",
            "description": "Says hello",
            "tags": ["polite"],
        }
    ],
}
ask("POST", "/heartbeat", json.dumps(registration).encode())
print("registered", flush=True)
while True:
    time.sleep(1)
    with contextlib.suppress(OSError):
        ask("HEAD", f"/heartbeat/{agent_id}")
