"""Makes albums, which takes a while, and has a model write about them."""

import mesh


@mesh.tool(capability="album", task=True)
async def album(pictures: list[str], job: mesh.MeshJob = None) -> str:
    """Lay out an album."""
    for number, picture in enumerate(pictures, start=1):
        if job is not None:
            await job.update_progress(number / len(pictures), picture)
    return f"an album of {len(pictures)}"


@mesh.tool(capability="caption")
@mesh.llm(
    provider={"capability": "llm"},
    filter={"capability": "weather"},
    system_prompt="Write one line under a picture.",
)
async def caption(place: str, llm: mesh.MeshLlmAgent = None) -> str:
    """Write a line under a picture."""
    return await llm(f"A picture of {place}")


@mesh.tool(capability="present", dependencies=["album", "caption"])
async def present(
    places: list[str], album: mesh.MeshJob = None, caption: mesh.McpMeshTool = None
) -> list[str]:
    """Make an album and its title."""
    job = await album.submit(pictures=places)
    return [await caption(place=places[0]), await job.wait(timeout_secs=60)]


@mesh.agent(name="album")
class Album:
    """Makes albums."""
