"""The Chat Completions API of OpenAI."""

import json
from collections.abc import Iterable
from typing import Any

from fake_mesh import Request

from llm_vendors.vendor_server import Says, VendorServer, pieces


class OpenAiServer(VendorServer):
    """`POST /v1/chat/completions`."""

    def settings(self) -> dict[str, str]:
        return {"OPENAI_BASE_URL": f"{self.url}/v1", "OPENAI_API_KEY": "sk-secret"}

    def answer(self, turn: Says, request: Request) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
        if turn.calls:
            message["tool_calls"] = self._calls(turn)
        return {
            **self._opening(request, "chat.completion"),
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": self._stop(turn),
                }
            ],
            "usage": _usage(turn),
        }

    def events(self, turn: Says, request: Request) -> Iterable[str]:
        opening = self._opening(request, "chat.completion.chunk")

        def event(delta: dict[str, Any], stop: str | None = None) -> str:
            choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": stop}]
            return _event({**opening, "choices": choices})

        yield event({"role": "assistant", "content": ""})
        for piece in pieces(turn.text):
            yield event({"content": piece})
        for call in self._calls(turn):
            arguments = call["function"].pop("arguments")
            function = {**call["function"], "arguments": ""}
            yield event({"tool_calls": [{**call, "function": function}]})
            for piece in pieces(arguments):
                part = {"index": call["index"], "function": {"arguments": piece}}
                yield event({"tool_calls": [part]})
        yield event({}, self._stop(turn))
        if (request.json().get("stream_options") or {}).get("include_usage"):
            yield _event({**opening, "choices": [], "usage": _usage(turn)})
        yield "data: [DONE]\n\n"

    def error(self, status: int, message: str) -> str:
        return json.dumps({"error": {"message": message, "type": "error", "code": str(status)}})

    def _opening(self, request: Request, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{len(self.requests)}",
            "object": kind,
            "created": 1_700_000_000,
            "model": request.json()["model"],
        }

    def _calls(self, turn: Says) -> list[dict[str, Any]]:
        return [
            {
                "index": number,
                "id": f"call_{len(self.requests)}_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for number, (name, arguments) in enumerate(turn.calls)
        ]

    def _stop(self, turn: Says) -> str:
        return turn.stop or ("tool_calls" if turn.calls else "stop")


def _usage(turn: Says) -> dict[str, int]:
    asked, said = turn.tokens
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"
