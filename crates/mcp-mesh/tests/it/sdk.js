// Stands in for `@mcpmesh/sdk`, which tests cannot fetch: it registers, pings and stays.
const http = require("node:http");
const crypto = require("node:crypto");

function ask(method, path, body) {
  return fetch(process.env.MCP_MESH_REGISTRY_URL + path, {
    method,
    body: body && JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
  });
}

exports.mesh = function mesh(_server, { name, version }) {
  const server = http.createServer((_request, response) => response.end("{}"));
  server.listen(Number(process.env.MCP_MESH_HTTP_PORT || 0), "127.0.0.1", async () => {
    const id = `${name}-${crypto.randomBytes(4).toString("hex")}`;
    await ask("POST", "/heartbeat", {
      agent_id: id,
      name,
      version,
      agent_type: "mcp_agent",
      runtime: "typescript",
      http_host: "127.0.0.1",
      http_port: server.address().port,
      tools: [],
    });
    console.log(`${name} ${version} registered`);
    setInterval(() => ask("HEAD", `/heartbeat/${id}`).catch(() => {}), 1000);
  });
};
