"""Has books printed, without waiting for them."""

import mesh

attempts: dict[str, int] = {}


@mesh.tool(capability="orders", dependencies=["printing"])
async def order_book(title: str, printing: mesh.MeshJob = None) -> str:
    """Order a book; answers with the order's number."""
    job = await printing.submit(title=title, max_retries=2, max_duration=600)
    return job.job_id


@mesh.tool(capability="colours")
async def choose_colour(order: str, colour: str) -> str:
    """Answer the question for the colour."""
    await mesh.jobs.post_event(order, "colour", colour)
    return f"{colour} it is"


@mesh.tool(capability="deliveries")
async def collect_book(order: str) -> str:
    """Wait for a book."""
    book = await mesh.jobs.wait(order, timeout_secs=60)
    return f"{book['title']}, {book['chapters']} chapters, in {book['cover']}"


@mesh.tool(capability="quick_orders", dependencies=["printing"])
def order_and_wait(title: str, printing: mesh.MeshJob = None) -> str:
    """Order a book in grey and wait for it; not `async`, so nothing is awaited."""
    job = printing.submit(title=title, chapters=1)
    job.send_event("colour", "grey")
    return f"{job.wait(timeout_secs=60)['title']} is here"


@mesh.tool(capability="shelf")
async def keep_book(title: str) -> str:
    """Keep a printed book, unless a later attempt has brought it already."""
    caller = mesh.calling_job()
    if caller is not None and caller.claim_epoch is not None:
        newest = attempts.get(caller.job_id, 0)
        if caller.claim_epoch < newest:
            raise mesh.SupersededError(f"attempt {newest} has brought it already")
        attempts[caller.job_id] = caller.claim_epoch
    return f"{title} is kept"


@mesh.agent(name="reader")
class Reader:
    """Reads."""
