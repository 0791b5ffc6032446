"""The error by which a tool tells a job that its claim was overtaken."""

from __future__ import annotations

import json
from typing import Any

from fastmcp.exceptions import ToolError

CODE = "claim_superseded"


class SupersededError(ToolError):
    """The caller works on a job that somebody else has claimed in the meantime.

    A tool raises it, and the calling job gets the same error. `detail` says what was found.
    """

    def __init__(self, detail: str | None = None) -> None:
        body = {"error": CODE} | ({} if detail is None else {"detail": detail})
        # FastMCP hands the text of a `ToolError` to the client as it is.
        super().__init__(json.dumps(body, separators=(",", ":"), ensure_ascii=False))
        self.detail = detail


def detail_of(text: str) -> tuple[bool, str | None]:
    """Whether a tool's error text says that the claim was superseded, and its detail."""
    if CODE not in text:
        return False, None
    try:
        body: Any = json.loads(text)
    except ValueError:
        return False, None
    if not isinstance(body, dict) or body.get("error") != CODE:
        return False, None
    detail = body.get("detail")
    return True, detail if detail is None or isinstance(detail, str) else json.dumps(detail)
