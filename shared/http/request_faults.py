"""What FastAPI refuses of a request, with places as the client wrote them."""

from collections.abc import Mapping
from typing import Any, cast

from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails

from shared.validation.faults import Fault, translated

_MOST_FAULTS = 50


def request_faults(error: RequestValidationError) -> list[Fault]:
    """The faults of the path, the query, the headers and the body, the first 50 of them.

    A place begins in the body, or with the name of a parameter: `input.1`, `limit`.
    """
    faults: list[Fault] = []
    in_body: list[ErrorDetails] = []
    given: dict[str, Any] = {}
    in_parameters: list[ErrorDetails] = []
    for each in error.errors():
        source, *path = each["loc"]
        placed = cast(ErrorDetails, {**each, "loc": tuple(path)})
        if source == "body":
            in_body.append(placed)
        elif path:
            given.setdefault(path[0], each["input"])
            in_parameters.append(placed)
    faults += translated(in_parameters, given)
    if in_body and _is_unread(in_body[0], error.body):
        return [*faults, Fault((), "the body is missing: send JSON, as application/json")]
    faults += translated(in_body, error.body)
    return faults[:_MOST_FAULTS]


def _is_unread(first: Mapping[str, Any], body: object) -> bool:
    """Whether the body as a whole is absent, or bytes of another type that nobody parsed."""
    return not first["loc"] and (first["type"] == "missing" or isinstance(body, bytes))
