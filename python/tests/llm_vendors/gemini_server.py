"""The Gemini API of Google."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from fake_mesh import Request

from llm_vendors.vendor_server import Says, VendorServer, pieces


class GeminiServer(VendorServer):
    """`POST /v1beta/models/MODEL:generateContent` and `:streamGenerateContent?alt=sse`."""

    def settings(self) -> dict[str, str]:
        return {"GOOGLE_GEMINI_BASE_URL": self.url, "GOOGLE_API_KEY": "google-secret"}

    def is_stream(self, request: Request) -> bool:
        return ":streamGenerateContent" in request.path

    def answer(self, turn: Says, request: Request) -> dict[str, Any]:
        return self._body(turn, list(self._parts(turn)), is_last=True)

    def events(self, turn: Says, request: Request) -> Iterable[str]:
        parts = list(self._parts(turn))
        texts = [{"text": piece} for piece in pieces(turn.text)]
        streamed = texts + [part for part in parts if "text" not in part]
        for index, part in enumerate(streamed):
            body = self._body(turn, [part], is_last=index == len(streamed) - 1)
            yield f"data: {json.dumps(body)}\r\n\r\n"

    def error(self, status: int, message: str) -> str:
        words = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}
        error = {"code": status, "message": message, "status": words.get(status, "INTERNAL")}
        return json.dumps({"error": error})

    def _body(self, turn: Says, parts: list[dict[str, Any]], *, is_last: bool) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if is_last:
            candidate["finishReason"] = turn.stop or "STOP"
        asked, said = turn.tokens
        return {
            "candidates": [candidate],
            "usageMetadata": {
                "promptTokenCount": asked,
                "candidatesTokenCount": said,
                "totalTokenCount": asked + said,
            },
            "modelVersion": "gemini-test",
            "responseId": f"r{len(self.requests)}",
        }

    def _parts(self, turn: Says) -> Iterator[dict[str, Any]]:
        if turn.text:
            yield {"text": turn.text}
        for name, arguments in turn.calls:
            call = {"functionCall": {"name": name, "args": arguments}}
            # Newer models refuse a conversation that does not bring this back.
            yield {**call, "thoughtSignature": f"c2lnbmVk{len(self.requests):04d}"}
