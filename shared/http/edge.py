"""The outermost layer of every HTTP application: who asks, with what, and how it was answered."""

import logging
import re
import time
from http import HTTPStatus

import orjson
import uuid_utils
from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import PlatformError
from shared.http.body_types import is_json, media_type
from shared.http.keys import KeyStore
from shared.http.problems import platform_error_response, problem_response
from shared.tabular.json_size import oversize
from shared.telemetry import HTTP_LATENCY, HTTP_REQUESTS, REQUEST_ID

LOGGER = logging.getLogger(__name__)

_OPEN_PATHS = ("/healthz", "/readyz", "/docs", "/openapi.json", "/static-offline-docs/")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Refusal(Exception):
    """A request that is answered before it reaches a route."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Edge:
    """ASGI middleware: request id, key, body limit, strict JSON, metrics, one log line a request.

    JSON is parsed once here, strictly, before any route does: NaN, Infinity and lone surrogates,
    which Python's parser lets through, end as 400 instead of as a 500 further in. So does what
    nests deeply or holds more than `max_json_values`: a fault for each would fill the memory.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        name: str,
        keys: KeyStore,
        max_body_bytes: int,
        max_json_values: int,
        openai_paths: tuple[str, ...],
    ) -> None:
        self._app = app
        self._name = name
        self._keys = keys
        self._max_body_bytes = max_body_bytes
        self._max_json_values = max_json_values
        self._openai_paths = openai_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; other scopes (lifespan) pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers)
        token = REQUEST_ID.set(request_id)
        answer = _Answer(send, request_id)
        try:
            await self._serve(scope, headers, receive, answer)
        finally:
            self._record(scope, answer)
            REQUEST_ID.reset(token)

    async def _serve(
        self, scope: Scope, headers: Headers, receive: Receive, answer: "_Answer"
    ) -> None:
        path = get_route_path(scope)
        openai = path.startswith(self._openai_paths)
        try:
            _check_target(scope)
            if not path.startswith(_OPEN_PATHS):
                identity = self._keys.authenticate(headers.get("authorization"))
                scope.setdefault("state", {})["identity"] = identity
            body = await _read_body(scope, headers, receive, self._max_body_bytes)
            if body and is_json(media_type(headers)):
                _check_json(body, self._max_json_values)
            await self._app(scope, _Replay(body, receive), answer)
        except Refusal as refusal:
            response = problem_response(refusal.status, refusal.detail, openai=openai)
            await response(scope, receive, answer)
        except PlatformError as error:
            await platform_error_response(error, openai=openai)(scope, receive, answer)
        except Exception:
            LOGGER.exception("a request failed")
            if answer.started:
                raise
            detail = "the platform failed; the log has the reason under this request's id"
            response = problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, detail, openai=openai)
            await response(scope, receive, answer)

    def _record(self, scope: Scope, answer: "_Answer") -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        HTTP_REQUESTS.labels(self._name, route, str(answer.status)).inc()
        HTTP_LATENCY.labels(self._name, route).observe(answer.seconds)
        LOGGER.info(
            "request",
            extra={
                "method": scope["method"],
                "route": route,
                "status": answer.status,
                "duration_ms": round(answer.seconds * 1000, 2),
            },
        )


class _Answer:
    """Sends the answer on, adds the request id, and remembers its status and its delay.

    A client that goes away before any answer counts as 499, as in nginx's logs.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._begun_s = time.perf_counter()
        self._answered_s: float | None = None
        self.status = 499

    @property
    def started(self) -> bool:
        return self._answered_s is not None

    @property
    def seconds(self) -> float:
        return (self._answered_s or time.perf_counter()) - self._begun_s

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._answered_s = time.perf_counter()
            self.status = message["status"]
            MutableHeaders(scope=message)["x-request-id"] = self._request_id
        await self._send(message)


class _Replay:
    """Gives the body that was read already, then whatever the server still has to say."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def request_id_of(headers: Headers) -> str:
    """The id that the client gave, if it is fit for logs, or a new one (UUIDv7)."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid_utils.uuid7().hex


def _check_target(scope: Scope) -> None:
    """Refuses what no database column and no file name can hold."""
    if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
        raise Refusal(HTTPStatus.BAD_REQUEST, "the address holds a NUL character: remove it")


async def _read_body(
    scope: Scope, headers: Headers, receive: Receive, max_body_bytes: int
) -> bytes:
    too_large = Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is larger than {max_body_bytes} bytes: send it in parts",
    )
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_body_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(HTTPStatus.BAD_REQUEST, "the connection closed before the body ended")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_body_bytes:
            raise too_large
        if not message.get("more_body", False):
            break
    return b"".join(parts)


def _check_json(body: bytes, max_values: int) -> None:
    if (too_much := oversize(body, max_values)) is not None:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"the JSON is too large: {too_much}")
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
