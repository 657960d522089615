"""The body of a feedback request: one event, a list of them, or JSON Lines."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from services.recommendation.incoming import EVENT, EventIn
from shared.errors import InputError
from shared.http.body_types import JSON, JSON_LINES, media_type
from shared.ranking.events import Event
from shared.tabular.json_size import oversize
from shared.text.decoding import decode_utf8
from shared.validation.faults import Fault, Place, faults_of
from shared.validation.invalid import InvalidError

_SHOWN_FAULTS = 50
MAX_JSON_VALUES = 1_000_000
"""Of a body, which may hold thousands of events; one of JSON Lines may hold so many in a line."""

_INLINE_BYTES = 65_536
"""What is parsed without a thread: a hundred events take a millisecond."""

Row = tuple[Place, object]


def feedback_body(max_events: int) -> dict[str, Any]:
    """OpenAPI's description: FastAPI cannot derive one for two media types."""
    one = _inlined(TypeAdapter(EventIn).json_schema())
    many = {"type": "array", "items": one, "maxItems": max_events}
    content = {
        JSON: {"schema": {"anyOf": [one, many]}},
        JSON_LINES: {"schema": {"type": "string"}},
    }
    return {"requestBody": {"required": True, "content": content}}


async def read_events(request: Request, *, max_events: int, latest_ms: int) -> list[Event]:
    """All events of a request, in order; `latest_ms` is the last time that they may be of.

    Raises:
        InvalidError: rows are not events; each fault names its row.
        InputError: there are more than `max_events`, or the body is not UTF-8.
    """
    body = await request.body()
    is_lines = media_type(request.headers) == JSON_LINES
    if len(body) <= _INLINE_BYTES:
        return parse_events(body, is_lines=is_lines, max_events=max_events, latest_ms=latest_ms)
    return await asyncio.to_thread(
        parse_events, body, is_lines=is_lines, max_events=max_events, latest_ms=latest_ms
    )


def parse_events(body: bytes, *, is_lines: bool, max_events: int, latest_ms: int) -> list[Event]:
    """See `read_events`."""
    rows = _lines(body, max_events) if is_lines else _json(body, max_events)
    events: list[Event] = []
    faults: list[Fault] = []
    for place, row in rows:
        try:
            if isinstance(row, InputError):
                raise row
            event = EVENT.validate_python(row).as_event()
            check_time(event, latest_ms)
        except ValidationError as error:
            faults.extend(each.below(place) for each in faults_of(error, row))
        except InputError as error:
            named = () if error.param is None else (error.param,)
            faults.append(Fault((*place, *named), str(error)))
        else:
            events.append(event)
        if len(faults) >= _SHOWN_FAULTS:
            break
    if faults:
        raise InvalidError.of(faults[:_SHOWN_FAULTS])
    return events


def check_time(event: Event, latest_ms: int) -> None:
    """Refuses an event of the future: it would outweigh all that really happened.

    Raises:
        InputError: the event is later than `latest_ms`.
    """
    if event.timestamp_ms > latest_ms:
        raise InputError(
            f"{event.timestamp_ms} lies more than the allowed time ahead of the clock (latest "
            f"{latest_ms}): send milliseconds since 1970",
            param="timestamp",
        )


def _json(body: bytes, max_events: int) -> Iterator[Row]:
    if not body:
        raise InputError("the body is empty: send an event, or a list of events")
    parsed = orjson.loads(body)
    if not isinstance(parsed, list):
        yield (), parsed
        return
    _check_count(len(parsed), max_events)
    yield from (((index,), row) for index, row in enumerate(parsed))


def _lines(body: bytes, max_events: int) -> Iterator[Row]:
    # Before anything is parsed: an event takes its line, and its line feed.
    _check_count(body.count(b"\n"), max_events)
    decode_utf8(body, name="the body")
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield (f"line {number}",), _loads(line)


def _loads(line: bytes) -> object:
    if (too_much := oversize(line, MAX_JSON_VALUES)) is not None:
        return InputError(f"too large: {too_much}")
    try:
        parsed: object = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return InputError(f"not JSON: {error}")
    return parsed


def _check_count(count: int, max_events: int) -> None:
    if count > max_events:
        raise InputError(f"{count} events, at most {max_events} at once: send them in parts")


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without references, which would point out of OpenAPI's document."""
    definitions: dict[str, Any] = schema.get("$defs", {})

    def resolved(node: Any) -> Any:
        if isinstance(node, Sequence) and not isinstance(node, str):
            return [resolved(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return resolved(definitions[node["$ref"].rpartition("/")[2]])
        kept = {key: one for key, one in node.items() if key not in ("$defs", "discriminator")}
        return {key: resolved(one) for key, one in kept.items()}

    inlined: dict[str, Any] = resolved(schema)
    return inlined
