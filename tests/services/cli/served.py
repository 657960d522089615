"""A support application of a few lines, for the commands that talk to one."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from services.cli.client import Platform

URL = "http://platform.test"
NO_BASE = "there is no knowledge base 'none': GET /support/knowledge-bases lists them"
BANYAN = {
    "answered": True,
    "kind": "answer",
    "confidence": 0.875,
    "intent": "card_arrival",
    "citations": [{"document_id": "d", "title": "Cards", "score": 0.5, "passage": "p"}],
    "suggestions": [],
    "handoff": None,
}


@dataclass
class Served:
    """Remembers every request, and refuses files whose content begins with `bad`."""

    requests: list[httpx.Request] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    status: int = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.status != 200:
            return httpx.Response(self.status, json={"detail": "a key is needed"})
        if request.url.path.endswith("/documents"):
            return self._documents(request.content)
        if request.url.path.endswith("/chat/completions"):
            return _chat(json.loads(request.content))
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.url.path.endswith("/knowledge-bases/none"):
            return httpx.Response(404, json={"detail": NO_BASE})
        if request.url.path.endswith("/knowledge-bases/shop"):
            return httpx.Response(200, json={"name": "shop", "documents": 12})
        if request.url.path.endswith("/rebuild"):
            return httpx.Response(200, json={"documents": 3, "bundle": "embed@1"})
        base = {"name": "help-centre", "documents": 77, "version": 3, "bundle": "embed@1"}
        bases = [{**base, "language": "en", "language_is_stated": False}]
        return httpx.Response(200, json={"knowledge_bases": bases})

    def _documents(self, body: bytes) -> httpx.Response:
        names = [part.split(b'"')[0].decode() for part in body.split(b'filename="')[1:]]
        # After the blank line of its part: the random boundary may hold these letters too.
        if b"\r\n\r\nbad" in body:
            return httpx.Response(422, json={"detail": "line 1: no question"})
        self.files += names
        return httpx.Response(200, json={"documents": len(names)})


def _chat(request: dict[str, object]) -> httpx.Response:
    if request["model"] == "support:none":
        return httpx.Response(404, json={"detail": NO_BASE})
    if not request.get("stream"):
        message = {"content": "It travels [1]", "banyan": BANYAN}
        return httpx.Response(200, json={"choices": [{"message": message}]})
    deltas: list[dict[str, object]] = [{"content": "It "}, {"content": "travels"}]
    events = [{"choices": [{"delta": d}]} for d in (*deltas, {"banyan": BANYAN})]
    lines = [*(json.dumps(event) for event in events), "[DONE]"]
    content = "".join(f"data: {line}\n\n" for line in lines).encode()
    return httpx.Response(200, content=content, headers={"content-type": "text/event-stream"})


Answer = Callable[[httpx.Request], httpx.Response]


@contextmanager
def connected(served: Answer, key: str | None = None) -> Iterator[Platform]:
    with Platform(URL, key, transport=httpx.MockTransport(served)) as platform:
        yield platform
