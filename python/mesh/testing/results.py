"""Results of `tools/call`, as callers in other agents understand them."""

from __future__ import annotations

import json
from typing import Any

from mesh.calling.membership import to_json


def result_of(value: Any) -> dict[str, Any]:
    """The result of a tool that returns `value`, after its way through JSON."""
    text = to_json({"result": value})
    content = [] if value is None else [{"type": "text", "text": text}]
    return {
        "content": content,
        "structuredContent": json.loads(text),
        "isError": False,
        "_meta": {"fastmcp": {"wrap_result": True}},
    }


def failure_of(text: str) -> dict[str, Any]:
    """The result of a tool that failed."""
    return {"content": [{"type": "text", "text": text}], "isError": True}


def value_of(result: dict[str, Any]) -> Any:
    """What a caller gets; a failure raises `RuntimeError` with its text."""
    blocks = result.get("content") or []
    if result.get("isError"):
        texts = [block["text"] for block in blocks if block.get("type") == "text"]
        raise RuntimeError("\n".join(texts) or "the tool failed without saying why")
    structured = result.get("structuredContent")
    if structured is not None:
        meta = (result.get("_meta") or {}).get("fastmcp") or {}
        is_wrapped = set(structured) == {"result"} and (
            meta.get("wrap_result") or _is_spelled_by(structured["result"], blocks)
        )
        return structured["result"] if is_wrapped else structured
    if not blocks:
        return None
    if len(blocks) > 1:
        return {"type": "multi_content", "content": blocks}
    (block,) = blocks
    return _read(block["text"]) if block.get("type") == "text" else block


def _is_spelled_by(value: Any, blocks: list[dict[str, Any]]) -> bool:
    if len(blocks) != 1 or blocks[0].get("type") != "text":
        return False
    text = blocks[0]["text"]
    return bool(text == value if isinstance(value, str) else _read(text) == value)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
