#!/usr/bin/env bash
# Two agents that do not know each other's address: the planner needs a forecast, the forecast agent
# offers one, and the registry wires them. `make demo` builds what this needs; elsewhere, DEMO_BIN names
# the folder of the commands and the environment's Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ -n "${DEMO_BIN:-}" ]; then
  bin=$DEMO_BIN
  python=$bin/python
else
  bin=$(cd "${CARGO_TARGET_DIR:-../target}/debug" && pwd)
  python=../.venv/bin/python
fi
export PATH="$bin:$PATH"

# A home of its own, a free port, and nothing that others on the network can see.
MCP_MESH_HOME=$(mktemp -d)
MCP_MESH_REGISTRY_PORT=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export MCP_MESH_HOME MCP_MESH_REGISTRY_PORT
export HOST=127.0.0.1 MCP_MESH_HTTP_HOST=127.0.0.1
unset MCP_MESH_REGISTRY_URL MCP_MESH_REGISTRY_HOST MCP_MESH_HTTP_PORT

stop() {
  local code=$?
  if [ "$code" -ne 0 ]; then
    tail -n 20 "$MCP_MESH_HOME"/logs/*.log >&2 2>/dev/null || true
  fi
  echo "==> stop everything"
  meshctl stop --quiet || code=1
  rm -rf "$MCP_MESH_HOME"
  exit "$code"
}
trap stop EXIT
trap 'exit 130' INT TERM

echo "==> start the registry and two agents"
meshctl start -d planner forecast

echo "==> wait until the planner is wired"
wired='import json, sys; sys.exit(not any(a["name"] == "planner" and a["dependencies_resolved"] == 1 for a in json.load(sys.stdin)["agents"]))'
for attempt in $(seq 1 150); do
  if meshctl list --json 2>/dev/null | "$python" -c "$wired"; then break; fi
  if [ "$attempt" -eq 150 ]; then
    echo "error: the planner was not wired within 30 seconds" >&2
    exit 1
  fi
  sleep 0.2
done
meshctl list

echo "==> call the planner, which calls the forecast agent"
answer=$(meshctl call planner:plan_day '{"city": "Lisbon"}')
echo "$answer"
# The planner answers something else while it is not wired.
grep -q 'in Lisbon' <<<"$answer"
