"""Which content types a route takes: what its OpenAPI document says, checked in one place."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
FORM = "multipart/form-data"


def media_type(headers: Headers) -> str:
    """The content type without its parameters; '' where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media: str) -> bool:
    """Whether a media type is JSON, or JSON with a name such as `application/ld+json`."""
    return media == JSON or (media.startswith("application/") and media.endswith("+json"))


class TypedBodyRoute(APIRoute):
    """A route that answers 415 to a body of a type that it does not take, or of none.

    So no body is guessed at, and a page of a stranger cannot send JSON as the plain text that a
    browser lets it send. A request without a body needs no type; a route without one ignores it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind the check."""
        handle = super().get_route_handler()
        taken = self._taken()

        async def checked(request: Request) -> Response:
            if taken and await request.body():
                _check(media_type(request.headers), taken)
            return await handle(request)

        return checked

    def _taken(self) -> tuple[str, ...]:
        if self.body_field is not None:
            return (JSON,)
        body = (self.openapi_extra or {}).get("requestBody", {})
        return tuple(body.get("content", ()))


def _check(media: str, taken: tuple[str, ...]) -> None:
    if media in taken or (JSON in taken and is_json(media)):
        return
    found = f"the content type {media[:100]!r}" if media else "a body without a content type"
    raise HTTPException(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{found} is not taken: send {' or '.join(taken)}"
    )
