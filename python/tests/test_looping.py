"""Which loop a tool runs in, and what a call that runs in another one is like."""

import asyncio
import contextvars
import functools
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from agent_process import wait_for

from mesh.looping import workers
from mesh.looping.kinds import may_only_block
from mesh.looping.loops import Loops
from mesh.looping.watchdog import Watchdog
from mesh.looping.workers import MOST, Pool

QUEUE: asyncio.Queue[str] = asyncio.Queue()
TABLE = sqlite3.connect(":memory:", check_same_thread=False)
COUNTS = {"calls": 0}
CLIENTS = {"one": threading.Lock()}
WORD = contextvars.ContextVar("WORD", default="none")


@pytest.fixture(scope="module", autouse=True)
def closed_table() -> Any:
    yield
    TABLE.close()


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any) -> Any:
        return await function(*args)

    return wrapper


def asynchronous(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


async def sleeps() -> None:
    time.sleep(60)


async def loops(count: int) -> int:
    while count:
        count -= 1
    return count


async def lists(names: list[str]) -> list[str]:
    return [name.upper() for name in names]


async def imports() -> Any:
    import json

    return json


async def opens(path: str) -> str:
    with open(path) as file:  # noqa: PTH123
        return file.read()


async def adds(a: int, b: int) -> int:
    if a < 0:
        raise ValueError(f"{a} is negative")
    COUNTS["calls"] += 1
    return a + len(str(b))


async def uses_a_client() -> bool:
    return CLIENTS["one"].acquire(timeout=1)


async def has_one_injected(client: Any = CLIENTS["one"]) -> Any:
    return client.acquire(timeout=1)


async def waits() -> None:
    await asyncio.sleep(0)


async def waits_in_a_block(lock: Any) -> None:
    async with lock:
        time.sleep(1)


async def waits_in_a_loop(items: AsyncIterator[int]) -> list[int]:
    return [item async for item in items]


async def wakes_a_task(name: str) -> None:
    time.sleep(1)
    QUEUE.put_nowait(name)


async def starts_a_task() -> None:
    time.sleep(1)
    asyncio.create_task(waits())  # noqa: RUF006


async def asks_a_table() -> Any:
    return TABLE.execute("select 1").fetchone()


async def yields() -> AsyncIterator[int]:
    time.sleep(1)
    yield 1


def plain() -> None:
    time.sleep(1)


class Tools:
    async def sleeps(self) -> None:
        time.sleep(60)


@pytest.mark.parametrize(
    ("function", "leaves"),
    [
        (sleeps, True),
        (loops, True),
        (lists, True),
        (imports, True),
        (opens, True),
        (Tools().sleeps, True),
        (functools.partial(sleeps), True),
        (asynchronous(plain), True),
        (uses_a_client, True),
        (has_one_injected, True),
        (adds, False),
        (waits, False),
        (waits_in_a_block, False),
        (waits_in_a_loop, False),
        (wakes_a_task, False),
        (asynchronous(wakes_a_task), False),
        (starts_a_task, False),
        (asks_a_table, False),
        (logged(sleeps), False),
        (yields, False),
        (plain, False),
        (len, False),
    ],
)
def test_only_what_can_but_block_leaves_the_programs_loop(
    function: Callable[..., Any], leaves: bool
) -> None:
    assert may_only_block(function) is leaves


@pytest.fixture
def pool() -> Any:
    pool = Pool()
    yield pool
    pool.close(5)
    assert not [each for each in threading.enumerate() if each.name.startswith("mesh-tool-")]


async def test_a_call_is_as_if_it_ran_in_place(pool: Pool) -> None:
    async def look(answer: str) -> tuple[str, str, str]:
        WORD.set("changed")
        return answer, WORD.get(), threading.current_thread().name

    async def seen() -> str:
        return WORD.get()

    async def fails() -> None:
        raise ValueError("no")

    async def exits() -> None:
        raise SystemExit(3)

    WORD.set("mine")
    assert await pool.run(seen) == "mine"
    answer, _, thread = await pool.run(lambda: look("yes"))
    assert (answer, WORD.get()) == ("yes", "mine")
    assert thread == "mesh-tool-1"
    with pytest.raises(ValueError, match="no"):
        await pool.run(fails)
    # Not in a task, whose loop an exit would end.
    crossing = pool.run(exits)
    with pytest.raises(SystemExit):
        await crossing
    assert (await pool.run(lambda: look("still")))[2] == "mesh-tool-1"


async def test_a_task_that_a_call_starts_lives_on(pool: Pool) -> None:
    done = threading.Event()

    async def later() -> None:
        await asyncio.sleep(0.01)
        done.set()

    async def start() -> Any:
        return asyncio.create_task(later())

    task = await pool.run(start)
    assert await asyncio.to_thread(done.wait, 10)
    assert task.get_loop() is not asyncio.get_running_loop()


async def test_a_cancellation_reaches_what_waits_there_and_waits_for_its_end(pool: Pool) -> None:
    begun, cleaned = threading.Event(), threading.Event()

    async def patient() -> None:
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0.01)
            cleaned.set()

    call = asyncio.create_task(pool.run(patient))
    await asyncio.to_thread(begun.wait, 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert cleaned.is_set()


async def test_a_call_that_is_cancelled_too_late_ends_and_is_cancelled(pool: Pool) -> None:
    begun, go = threading.Event(), threading.Event()

    async def blocks() -> str:
        begun.set()
        go.wait(10)
        return "done"

    call = asyncio.create_task(pool.run(blocks))
    await asyncio.to_thread(begun.wait, 10)
    call.cancel()
    await asyncio.sleep(0)
    assert not call.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_call_out_of_a_thread_is_back_in_the_programs_loop() -> None:
    loops = Loops(Watchdog({}), is_isolated=True, workers=1)
    try:

        async def where() -> str:
            await asyncio.sleep(0)
            return threading.current_thread().name

        async def words(count: int) -> AsyncIterator[str]:
            for _ in range(count):
                yield await where()

        async def calls() -> list[str]:
            said = loops.stream(words, (2,), {})
            return [await loops.call(where, (), {}), *[word async for word in said], here()]

        def here() -> str:
            return threading.current_thread().name

        async def begins() -> Any:
            return begun(calls())

        task = await loops.call(begins, (), {})
        done = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(wait(task), task.get_loop()))
        *called, there = await done
        assert called == ["MainThread"] * 3
        assert there == "mesh-tool-1"
        assert await loops.call(where, (), {}) == "MainThread"
    finally:
        loops.close(5)


def begun(coroutine: Any) -> asyncio.Task[Any]:
    return asyncio.create_task(coroutine)


async def wait(task: asyncio.Task[Any]) -> Any:
    return await task


async def test_threads_are_limited_and_surplus_ones_end(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SURPLUS", 0.05)
    go = threading.Event()
    names: set[str] = set()

    async def blocks() -> None:
        names.add(threading.current_thread().name)
        go.wait(10)

    calls = [asyncio.create_task(pool.run(blocks)) for _ in range(MOST + 3)]
    await asyncio.sleep(0)
    given_up = calls.pop()
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    go.set()
    await asyncio.gather(*calls)
    assert len(names) == MOST
    while any(each.name in names for each in threading.enumerate()):
        await asyncio.sleep(0.01)
    assert await pool.run(sleeps_not) == f"mesh-tool-{MOST + 1}"


async def test_a_thread_that_was_ended_is_replaced(pool: Pool) -> None:
    async def exits() -> None:
        raise SystemExit(3)

    tasks: list[asyncio.Task[Any]] = []

    async def begin_to_exit() -> None:
        tasks.append(begun(exits()))

    assert await pool.run(sleeps_not) == "mesh-tool-1"
    await pool.run(begin_to_exit)
    while any(each.name == "mesh-tool-1" for each in threading.enumerate()):
        await asyncio.sleep(0.01)
    assert await pool.run(sleeps_not) == "mesh-tool-2"
    assert isinstance(tasks[0].exception(), SystemExit)


async def sleeps_not() -> str:
    return threading.current_thread().name


def test_what_blocks_a_loop_after_a_library_has_is_named(caplog: pytest.LogCaptureFixture) -> None:
    loop, released = asyncio.new_event_loop(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    watchdog = Watchdog({})
    turning = watchdog.watched(loop, "the loop", thread.ident)

    def hold() -> None:
        released.wait(20)

    def begin() -> None:
        # One after the other, without a turn in between: for the first, nobody is to blame.
        loop.call_soon(time.sleep, 1.6)
        loop.call_soon(hold)

    try:
        with turning:
            loop.call_soon_threadsafe(begin)
            watchdog.start(None, lambda: None)
            wait_for("the warning", lambda: "the program has blocked the loop" in caplog.text)
            assert "in hold; whatever else" in caplog.text
    finally:
        released.set()
        watchdog.end()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
