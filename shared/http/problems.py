"""Errors as HTTP answers: RFC 9457 problem details, and OpenAI's error object beside them.

Source: RFC 9457 (Problem Details for HTTP APIs); OpenAI API reference, "Error codes".
"""

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from pydantic import BaseModel, Field
from starlette.responses import Response

from shared import errors
from shared.telemetry import REQUEST_ID
from shared.validation.invalid import InvalidError

MEDIA_TYPE = "application/problem+json"

LOGGER = logging.getLogger(__name__)

_PATH = re.compile(
    r"((?:GET|POST|PUT|DELETE) /\S*)|(?<![\w:/.])/(?:[^\s/:;,'\"`]+/)+([^\s/:;,'\"`]*)"
)

_STATUS: tuple[tuple[type[errors.PlatformError], HTTPStatus], ...] = (
    (errors.TextTooLongError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.NotFoundError, HTTPStatus.NOT_FOUND),
    (errors.ConflictError, HTTPStatus.CONFLICT),
    (errors.InputError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.AuthenticationError, HTTPStatus.UNAUTHORIZED),
    (errors.ForbiddenError, HTTPStatus.FORBIDDEN),
    (errors.OverloadedError, HTTPStatus.TOO_MANY_REQUESTS),
    (errors.DeadlineError, HTTPStatus.GATEWAY_TIMEOUT),
    (errors.DependencyError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.ArtifactError, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.ConfigError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""From the most particular class to the most general: the first that fits decides."""


class FieldFault(BaseModel):
    """One fault of a request, and where it is: `input.1`, `limit`; '' for the body as a whole."""

    location: str
    message: str


class OpenAIError(BaseModel):
    """OpenAI's error object."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Problem(BaseModel):
    """RFC 9457 problem details; `error` is added on paths that OpenAI's clients call."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = Field(None, description="The request's id, as in the logs.")
    errors: list[FieldFault] | None = None
    error: OpenAIError | None = None


def status_of(error: errors.PlatformError) -> HTTPStatus:
    """The status that tells a client what to do about the error."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_response(
    status: int,
    detail: str,
    *,
    openai: bool,
    param: str | None = None,
    faults: Sequence[FieldFault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error answer; nothing of the request is echoed but what `detail` quotes."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=REQUEST_ID.get(),
        errors=list(faults) or None,
        error=_openai_error(status, detail, param) if openai else None,
    )
    # A message may quote a lone surrogate from the request, which UTF-8 cannot carry.
    content = orjson.dumps(_encodable(problem.model_dump(exclude_none=True)))
    return Response(content, status, dict(headers or {}), MEDIA_TYPE)


def platform_error_response(error: errors.PlatformError, *, openai: bool) -> Response:
    """The answer for one of the platform's own errors."""
    status = status_of(error)
    headers = {}
    if isinstance(error, errors.OverloadedError):
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    param = error.param if isinstance(error, errors.InputError) else None
    faults = error.faults if isinstance(error, InvalidError) else ()
    detail = str(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = without_folders(detail)
        LOGGER.warning("a request cannot be served", extra={"reason": str(error)})
    return problem_response(
        status,
        detail,
        openai=openai,
        param=param,
        faults=[FieldFault(location=each.location, message=each.message) for each in faults],
        headers=headers,
    )


def without_folders(message: str) -> str:
    """A message for others than the operator: of the server's own paths the last part is left.

    A path behind an HTTP method is an address and stays.
    """
    return _PATH.sub(lambda found: found[1] or found[2], message)


def _openai_error(status: int, detail: str, param: str | None) -> OpenAIError:
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    default = (
        "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    )
    code = HTTPStatus(status).phrase.lower().replace(" ", "_")
    return OpenAIError(message=detail, type=kinds.get(status, default), param=param, code=code)


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return value
