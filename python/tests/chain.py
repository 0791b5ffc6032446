"""Three agents that call each other in a row, each in its own process: front, middle, back."""

from agent_process import Agents, call, wait_for
from real_mesh import address

BACK = """
    import mesh

    @mesh.tool("back")
    async def back(word: str) -> dict:
        trace = mesh.TraceContext.get_current()
        return {
            "word": word,
            "trace": trace and trace.trace_id,
            "headers": mesh.TraceContext.get_propagated_headers(),
        }

    @mesh.agent(name="back")
    class Back: ...
"""

MIDDLE = """
    import mesh

    @mesh.tool("shout")
    async def shout(word: str) -> str:
        return word.upper()

    # A `def` tool, which runs in a thread, and which calls another tool of its own agent.
    @mesh.tool("middle", dependencies=["back", "shout"])
    def middle(
        word: str, back: mesh.McpMeshTool = None, shout: mesh.McpMeshTool = None
    ) -> dict | None:
        return back and shout and back(word=shout(word=word))

    @mesh.agent(name="middle")
    class Middle: ...
"""

FRONT = """
    import mesh

    @mesh.tool("front", dependencies=["middle"])
    async def front(word: str, middle: mesh.McpMeshTool = None) -> dict | None:
        return middle and await middle(word=word)

    @mesh.agent(name="front")
    class Front: ...
"""


def start_chain(agents: Agents, **settings: str) -> str:
    """Starts all three with these settings; the address of the front."""
    for name, script in (("back", BACK), ("middle", MIDDLE), ("front", FRONT)):
        agents.start(script, name, **settings)
    url = address(agents, "front")

    def is_wired() -> bool:
        outcome = call(url, "front", word="x")
        return not outcome["isError"] and outcome["structuredContent"]["result"] is not None

    wait_for("the chain", is_wired)
    return url
