"""A client of the running platform, whose failures say what to do."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from httpx_sse import EventSource, ServerSentEvent

from shared.errors import (
    AuthenticationError,
    DependencyError,
    ForbiddenError,
    InputError,
    NotFoundError,
    OverloadedError,
    PlatformError,
)

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_LONG = httpx.Timeout(600.0)
_SILENCE = httpx.Timeout(45.0)
_BUSY_LIMIT_S = 120.0

COMMANDS = {
    "GET /support/knowledge-bases": "banyan kb list",
    "POST /support/knowledge-bases/NAME/rebuild": "banyan kb rebuild --kb NAME",
    "GET /support/unanswered": "banyan support unanswered",
    "GET /sentiment/alerts": "banyan sentiment alerts",
}
"""The routes that messages of the applications name, and the commands that do the same."""

_ROUTE = re.compile(r"\b(?:GET|POST) /[\w/-]+")

Answer = TypeVar("Answer")


class Platform:
    """Requests to one platform; every failure, no answer or a refusal, is a `PlatformError`."""

    def __init__(
        self, url: str, key: str | None = None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(
            base_url=url, headers=headers, transport=transport, trust_env=False
        )

    def __enter__(self) -> "Platform":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON of a resource."""
        return self._send("GET", path, params=query, timeout=_TIMEOUT).json()

    def post(self, path: str, body: Any = None) -> Any:
        """Sends JSON and returns the answer's; waits as long as writes may take."""
        return self._send("POST", path, json=body).json()

    def put(self, path: str, **query: str | int) -> Any:
        """Makes a resource, or changes it, and returns its JSON."""
        return self._send("PUT", path, params=query).json()

    def delete(self, path: str, **query: str | int) -> None:
        """Deletes a resource."""
        self._send("DELETE", path, params=query)

    def upload(self, path: str, files: list[tuple[str, bytes]]) -> Any:
        """Sends named files as a form."""
        parts = [("file", (name, content)) for name, content in files]
        return self._send("POST", path, files=parts).json()

    def events(self, path: str, *, body: Any = None, after: str = "") -> Iterator[ServerSentEvent]:
        """The events of a stream as they come, from the one after the id `after`.

        A `body` is sent as JSON, and the stream may be silent for as long as a write may take.

        Raises:
            PlatformError: the platform does not answer, refuses, or has nothing to say, not even a
                comment, for longer than streams do.
        """
        method, silence = ("GET", _SILENCE) if body is None else ("POST", _LONG)
        headers = {"last-event-id": after} if after else {}
        with (
            self._translated(),
            self._http.stream(
                method, path, json=body, headers=headers, timeout=silence
            ) as response,
        ):
            if response.is_error:
                response.read()
            # A comment after an event with an id comes as an event without data.
            yield from (e for e in EventSource(_checked(response)).iter_sse() if e.data)

    def _send(
        self, method: str, path: str, *, timeout: httpx.Timeout = _LONG, **request: Any
    ) -> httpx.Response:
        with self._translated():
            return _checked(self._http.request(method, path, timeout=timeout, **request))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError:
            raise DependencyError(
                f"nothing listens on {self.url}: start it with `banyan up`"
            ) from None
        except httpx.TimeoutException:
            raise DependencyError(f"{self.url} does not answer in time") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise InputError(
                f"{self.url!r} is not an address such as http://127.0.0.1:8000"
            ) from None
        except httpx.HTTPError as error:
            raise DependencyError(f"{self.url} broke the connection: {error}") from None


def patiently(
    send: Callable[[], Answer],
    *,
    pause: Callable[[float], None] = time.sleep,
    limit_s: float = _BUSY_LIMIT_S,
) -> Answer:
    """Sends, and sends again after the pause that a busy platform asks for.

    Raises:
        OverloadedError: the pauses of one request would last longer than `limit_s`.
    """
    waited_s = 0.0
    while True:
        try:
            return send()
        except OverloadedError as error:
            waited_s += error.retry_after_s
            if waited_s > limit_s:
                raise
            pause(error.retry_after_s)


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    detail = _detail(response)
    match response.status_code:
        case httpx.codes.UNAUTHORIZED:
            raise AuthenticationError(f"{detail} (here: --key KEY or BANYAN_API_KEY)")
        case httpx.codes.FORBIDDEN:
            raise ForbiddenError(detail)
        case httpx.codes.NOT_FOUND:
            raise NotFoundError(detail)
        case httpx.codes.TOO_MANY_REQUESTS:
            raise OverloadedError(detail, retry_after_s=_retry_after_s(response))
    raise (InputError if response.is_client_error else PlatformError)(detail)


def _retry_after_s(response: httpx.Response) -> float:
    """The seconds that the answer asks to wait, between a tenth of one and a minute."""
    try:
        return min(60.0, max(0.1, float(response.headers.get("retry-after", "1"))))
    except ValueError:
        return 1.0


def _detail(response: httpx.Response) -> str:
    """The problem's detail with commands in the place of routes, or the status where the answer is
    none of ours."""
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{response.request.url} answered with status {response.status_code}"
    return _ROUTE.sub(lambda route: _command(route[0]), detail)


def _command(route: str) -> str:
    return f"`{COMMANDS[route]}`" if route in COMMANDS else route
