"""Keeps an album: what tools take and return, files among it."""

from typing import Annotated

from fastmcp import Context, FastMCP
from mcp.types import ResourceLink
from pydantic import BaseModel, Field

import mesh

app = FastMCP("album")


class Picture(BaseModel):
    """A picture in the album."""

    title: str
    stars: int


ALBUM = [Picture(title="dunes", stars=3), Picture(title="harbour", stars=5)]


@mesh.tool(capability="pictures", tags=["album"], version="1.2.0")
def find_pictures(stars: Annotated[int, Field(ge=0, le=5)] = 0) -> list[Picture]:
    """Find pictures with at least so many stars."""
    return [picture for picture in ALBUM if picture.stars >= stars]


@app.tool()
@mesh.tool(capability="titles")
async def rename(title: str, to: str, ctx: Context) -> str:
    """Give a picture another title."""
    await ctx.report_progress(0, 1)
    for picture in ALBUM:
        if picture.title == title:
            picture.title = to
            return f"it is called {to} now"
    raise ValueError(f"no picture is called {title}")


@mesh.tool(capability="stories")
async def tell(title: str) -> mesh.Stream[str]:
    """Tell the story of a picture, word by word."""
    for word in f"Once there was a {title} .".split():
        yield f"{word} "


@mesh.tool(capability="drawing")
async def draw(colour: str) -> ResourceLink:
    """Draw a square."""
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg"><rect fill="{colour}"/></svg>'
    return await mesh.MediaResult(
        data=drawing.encode(), filename=f"{colour}.svg", mime_type="image/svg+xml"
    )


@mesh.tool(capability="weighing")
async def weigh(picture: Annotated[str, mesh.MediaParam("image/*")]) -> str:
    """Say how large a picture is; takes its URI."""
    data, mime_type = await mesh.download_media(picture)
    return f"{len(data)} bytes of {mime_type}"


@mesh.a2a_consumer(
    capability="translation",
    a2a_url="https://agents.example/translator",
    auth=mesh.A2ABearer(token_env="TRANSLATOR_TOKEN"),
)
async def translate(text: str, _a2a: mesh.A2AClient = None) -> str:
    """Ask an agent outside of the mesh."""
    message = {"role": "user", "parts": [{"type": "text", "text": text}]}
    return (await _a2a.send(message)).artifact_text


@mesh.agent(name="album", version="1.0.0", health_check=lambda: len(ALBUM) > 0)
class Album:
    """Shows pictures."""
