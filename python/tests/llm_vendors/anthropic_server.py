"""The Messages API of Anthropic."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from fake_mesh import Request

from llm_vendors.vendor_server import Says, VendorServer, pieces


class AnthropicServer(VendorServer):
    """`POST /v1/messages`."""

    def settings(self) -> dict[str, str]:
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": "sk-ant-secret"}

    def answer(self, turn: Says, request: Request) -> dict[str, Any]:
        return {
            "id": f"msg_{len(self.requests)}",
            "type": "message",
            "role": "assistant",
            "model": request.json()["model"],
            "content": list(self._blocks(turn)),
            "stop_reason": self._stop(turn),
            "stop_sequence": None,
            "usage": {"input_tokens": turn.tokens[0], "output_tokens": turn.tokens[1]},
        }

    def events(self, turn: Says, request: Request) -> Iterable[str]:
        whole = self.answer(turn, request)
        usage = {"input_tokens": turn.tokens[0], "output_tokens": 1}
        opening = {**whole, "content": [], "stop_reason": None, "usage": usage}
        yield _event("message_start", message=opening)
        for index, block in enumerate(whole["content"]):
            is_text = block["type"] == "text"
            empty = {**block, "text": ""} if is_text else {**block, "input": {}}
            yield _event("content_block_start", index=index, content_block=empty)
            for delta in _deltas(block):
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        yield _event(
            "message_delta",
            delta={"stop_reason": whole["stop_reason"], "stop_sequence": None},
            usage={"output_tokens": turn.tokens[1]},
        )
        yield _event("message_stop")

    def error(self, status: int, message: str) -> str:
        kind = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
        error = {"type": kind.get(status, "api_error"), "message": message}
        return json.dumps({"type": "error", "error": error})

    def _blocks(self, turn: Says) -> Iterator[dict[str, Any]]:
        if turn.text:
            yield {"type": "text", "text": turn.text}
        for number, (name, arguments) in enumerate(turn.calls):
            call_id = f"toolu_{len(self.requests)}_{number}"
            yield {"type": "tool_use", "id": call_id, "name": name, "input": arguments}

    def _stop(self, turn: Says) -> str:
        return turn.stop or ("tool_use" if turn.calls else "end_turn")


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        for piece in pieces(block["text"]):
            yield {"type": "text_delta", "text": piece}
    else:
        for piece in pieces(json.dumps(block["input"])):
            yield {"type": "input_json_delta", "partial_json": piece}


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"
