"""What is taken from the answers of a `meshctl`, to compare it with what another answers."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a `meshctl` printed, without colours, and how it ended."""

    code: int
    out: str
    err: str


COLOUR = re.compile(r"\x1b\[[\d;]*m")


def answer_of(
    done: subprocess.CompletedProcess[str], names: Mapping[str, str] | None = None
) -> Answer:
    """The answer without colours, with names for what each has of its own."""
    out, err = (COLOUR.sub("", text) for text in (done.stdout, done.stderr))
    for own, name in (names or {}).items():
        out, err = out.replace(own, name), err.replace(own, name)
    return Answer(done.returncode, out, err)


View = Callable[[Answer], Any]


def differing(views: Sequence[View], theirs: Answer, ours: Answer) -> str:
    """What ours leaves out or says otherwise, with both answers; empty if it is nothing."""
    for view in views:
        expected, found = view(theirs), view(ours)
        if not within(found, expected):
            told = "\n".join(f"{each.out}{each.err}" for each in (theirs, ours))
            return f"published: {expected}\nours:      {found}\n\n{told}"
    return ""


# Facts that differ from one moment to the next, or that the published one does not know.
VARYING = {
    "timestamp",
    "start_time",
    "last_heartbeat",
    "last_heartbeat_at",
    "lease_expires_at",
    "created_at",
    "updated_at",
    "last_modified",
}
REPLACED = re.compile(r"\s+\(\+\d+ superseded\)")
# Ours says beside the state what it comes to.
ASIDE = re.compile(r" \((?:inactive|superseded)\)")
EMPTY: tuple[Any, ...] = (None, "", [], {})


def code(answer: Answer) -> Any:
    return answer.code


def exactly(answer: Answer) -> Any:
    """To the letter, but for a line's end that closes the answer."""
    return answer.code, answer.out.rstrip("\n"), answer.err


def lines_of(text: str) -> list[str]:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line]


def document(at: str = "", in_order: bool = True) -> View:
    """The JSON, or what stands in it under `at`."""

    def view(answer: Answer) -> Any:
        value = json.loads(answer.out)
        value = pruned(value[at] if at else value) or None
        return answer.code, value if in_order else sorted(value or [], key=json.dumps)

    return view


def pruned(value: Any) -> Any:
    """JSON without what varies and without what is empty, however that is spelled."""
    if isinstance(value, list):
        return [pruned(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    # The published one counts no tools: their ids are all 0.
    unknown = VARYING | ({"id"} if "function_name" in value else set())
    kept = {name: pruned(inner) for name, inner in value.items() if name not in unknown}
    return {name: inner for name, inner in sorted(kept.items()) if inner not in EMPTY}


def cells(*columns: str) -> View:
    """What stands under these headings, row by row."""

    def view(answer: Answer) -> Any:
        lines = answer.out.splitlines()
        head = next((n for n, line in enumerate(lines) if line.startswith(columns[0])), None)
        if head is None:
            return answer.code, answer.out
        names = re.split(r"\s{2,}", lines[head].strip())
        rows = []
        for line in lines[head + 1 :]:
            if not line.strip():
                break
            if not line.startswith("---"):
                # An instance that replaced others says so, wherever in its row.
                plain, replaced = REPLACED.subn("", ASIDE.sub("", line))
                row = dict(zip(names, re.split(r"\s{2,}", plain.strip()), strict=False))
                rows.append([*(row.get(name) for name in columns), replaced])
        return answer.code, rows

    return view


def facts(*labels: str) -> View:
    """What stands behind these labels, where it stands first."""

    def view(answer: Answer) -> Any:
        found: dict[str, str] = {}
        for line in answer.out.splitlines():
            name, _, value = line.partition(":")
            if name.strip() in labels:
                found.setdefault(name.strip(), value.strip())
        return answer.code, found

    return view


def lines_with(text: str) -> View:
    """The lines that contain this, on either stream."""

    def view(answer: Answer) -> Any:
        streams = ("out", answer.out), ("err", answer.err)
        found = [
            (name, line) for name, text_of in streams for line in lines_of(text_of) if text in line
        ]
        return answer.code, sorted(set(found))

    return view


def lines(answer: Answer) -> Any:
    """How many lines there are."""
    return answer.code, len(lines_of(answer.out))


def mentions(*fragments: str) -> View:
    """How it ends, and which of these are told on either stream."""

    def view(answer: Answer) -> Any:
        text = " ".join(lines_of(answer.out + answer.err))
        return answer.code, [fragment for fragment in fragments if fragment in text]

    return view


def says(*fragments: str) -> View:
    """How it ends, and which of these its answer has."""

    def view(answer: Answer) -> Any:
        return answer.code, [text for text in fragments if text in " ".join(lines_of(answer.out))]

    return view


def block(after: str, before: str) -> View:
    """The JSON between two headings."""

    def view(answer: Answer) -> Any:
        between = answer.out.partition(after)[2].partition(before)[0]
        return answer.code, json.loads(between)

    return view


def refused(*fragments: str) -> View:
    """It fails, and says at least this as an error."""

    def view(answer: Answer) -> Any:
        missing = [text for text in fragments if text not in answer.err]
        says = any(line.startswith("Error: ") for line in answer.err.splitlines())
        return answer.code, says, missing

    return view


def within(ours: Any, theirs: Any) -> bool:
    """Whether ours says all that theirs does; objects may have more members."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return all(name in ours and within(ours[name], theirs[name]) for name in theirs)
    if isinstance(theirs, list | tuple) and isinstance(ours, list | tuple):
        pairs = zip(ours, theirs, strict=True)
        return len(ours) == len(theirs) and all(within(one, other) for one, other in pairs)
    return bool(ours == theirs)
