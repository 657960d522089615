"""What stands before Ray Serve in every server that it opens: proxy and replica alike.

A replica's own port takes requests past HAProxy, and where HAProxy's wheel is missing there is
only Serve's proxy; so the rules of `shared.serving.platform.haproxy` are kept here once more.
"""

import logging
import os
from http import HTTPStatus
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.edge import request_id_of
from shared.http.keys import KeyStore
from shared.http.origin_guard import OriginGuard, Refused
from shared.http.problems import problem_response
from shared.telemetry import HTTP_REFUSED

LOGGER = logging.getLogger(__name__)

MAX_BODY_BYTES_VARIABLE = "BANYAN_MAX_BODY_BYTES"
CALLBACK = f"{__name__}:middlewares"
"""Where Serve finds the middleware."""

_TRUSTED_BY_SERVE = ("x-request-timeout-seconds", "x-request-disconnect-disabled")
_WITH_BODY = ("POST", "PUT", "PATCH")
_RETRY_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def middlewares() -> list[Middleware]:
    """Serve's callback `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH`."""
    keys = KeyStore(
        Path(os.environ.get("BANYAN_STATE_DIR", "var")) / "keys.json",
        required=os.environ.get("BANYAN_REQUIRE_KEYS", "false").lower() == "true",
    )
    return [
        Middleware(
            IngressGuard,
            max_body_bytes=int(os.environ[MAX_BODY_BYTES_VARIABLE]),
            origins=OriginGuard.of(keys, os.environ),
        )
    ]


class IngressGuard:
    """Takes away the headers that Serve trusts, and refuses strange pages and too large bodies.

    With the two headers any client switches off Serve's time-outs and its cancellation. Serve
    reads a whole body into memory before the application sees the first byte. What Serve itself
    answers in plain text (an unknown path, a full queue) leaves as problem details.
    """

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, origins: OriginGuard) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; other scopes pass through."""
        if scope["type"] == "http":
            headers = MutableHeaders(scope=scope)
            # One id for Serve's logs and ours, and one header in the answer: both would add theirs.
            request_id = request_id_of(headers)
            headers["x-request-id"] = request_id
            send = _with_request_id(send, request_id)
            for name in _TRUSTED_BY_SERVE:
                del headers[name]
            if refusal := self._refusal(scope["method"], scope["path"], headers):
                status, detail = refusal
                HTTP_REFUSED.labels(str(status.value)).inc()
                LOGGER.warning("refused: %s", detail, extra={"request_id": request_id})
                closing = {"connection": "close"}
                response = problem_response(status, detail, openai=True, headers=closing)
                await response(scope, receive, send)
                return
            send = _ProblemInsteadOfText(send)
        await self._app(scope, receive, send)

    def _refusal(self, method: str, path: str, headers: Headers) -> Refused | None:
        if refused := self._origins.refusal(method, path, headers):
            return refused
        length = headers.get("content-length")
        if length is None:
            if method in _WITH_BODY:
                return HTTPStatus.LENGTH_REQUIRED, "a content-length is needed: send the body whole"
        elif not length.isdecimal() or int(length) > self._max_body_bytes:
            return (
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is larger than {self._max_body_bytes} bytes: send it in parts",
            )
        return None


class _ProblemInsteadOfText:
    """Sends an answer on; an error in plain text, as only Serve gives one, as problem details."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status: int | None = None
        self._text = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_text_error(message):
            self._status = message["status"]
        elif self._status is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._text += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_problem(self._status)

    async def _send_problem(self, status: int) -> None:
        headers = {"retry-after": "1"} if status in _RETRY_LATER else {}
        detail = self._text.decode("utf-8", "replace").strip() or HTTPStatus(status).phrase
        response = problem_response(status, detail, openai=True, headers=headers)
        start = {"type": "http.response.start", "status": status, "headers": response.raw_headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": response.body})


def _is_text_error(message: Message) -> bool:
    media_type = Headers(raw=message.get("headers", [])).get("content-type", "")
    return message["status"] >= HTTPStatus.BAD_REQUEST and media_type.startswith("text/plain")


def _with_request_id(send: Send, request_id: str) -> Send:
    async def send_with_id(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["x-request-id"] = request_id
        await send(message)

    return send_with_id
