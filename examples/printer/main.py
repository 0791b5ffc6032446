"""Works on jobs: prints books, a chapter at a time, and asks before it binds them."""

import asyncio

import mesh


@mesh.tool(capability="printing", task=True, retry_on=(ConnectionError,), dependencies=["shelf"])
async def print_book(
    title: str,
    chapters: int = 3,
    shelf: mesh.McpMeshTool = None,
    job: mesh.MeshJob = None,
) -> dict:
    """Print a book; the colour of its cover is asked for when it is printed."""
    for chapter in range(chapters):
        if job is not None:
            await job.update_progress(chapter / chapters, f"chapter {chapter + 1}")
        await asyncio.sleep(0.1)
    colour = "grey"
    if job is not None:
        await job.request_input("Which colour?")
        answer = await job.recv_event(types=["colour"], timeout_secs=60)
        colour = answer["payload"] if answer else colour
    if shelf is not None:
        await shelf(title=title)
    return {"title": title, "chapters": chapters, "cover": colour}


@mesh.agent(name="printer")
class Printer:
    """Prints."""
