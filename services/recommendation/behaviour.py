"""One record of the topic as an event of a tenant, or the reason why it is none."""

from dataclasses import dataclass

import orjson
from pydantic import TypeAdapter, ValidationError

from services.recommendation.bodies import check_time
from services.recommendation.incoming import EVENT
from services.recommendation.payloads import NewEvent
from shared.errors import InputError
from shared.serving.keys import DEFAULT_TENANT, TenantName
from shared.streaming.dead_letters import (
    BAD_ENCODING,
    BAD_JSON,
    BAD_SCHEMA,
    CLOCK_AHEAD,
    NULL_VALUE,
    TOO_LARGE,
    DeadLetter,
    DecodeError,
)
from shared.streaming.message import Record

MAX_VALUE_BYTES = 1024 * 1024

_TENANT: TypeAdapter[str] = TypeAdapter(TenantName)


@dataclass(frozen=True, slots=True)
class Behaved:
    """A record that is an event."""

    record: Record
    new: NewEvent


Item = Behaved | DeadLetter


def decode(record: Record, *, max_ahead_s: float) -> NewEvent:
    """Reads a record's value: an event as `POST /recommend/feedback` takes it, and its `tenant`.

    `max_ahead_s` is how far its `timestamp` may lie after the record's own time stamp. The
    decision depends on the record alone, so that it is the same at every reading.

    Raises:
        DecodeError: the value is missing, too large, not UTF-8, not JSON, no event, or dated too
            far ahead.
    """
    parsed = _parsed(record.value)
    try:
        tenant = DEFAULT_TENANT
        if isinstance(parsed, dict) and "tenant" in parsed:
            tenant = _TENANT.validate_python(parsed.pop("tenant"), strict=True)
        event = EVENT.validate_python(parsed).as_event()
    except ValidationError as error:
        raise DecodeError(BAD_SCHEMA, _faults(error)) from None
    try:
        check_time(event, record.timestamp_ms + int(max_ahead_s * 1000))
    except InputError as error:
        raise DecodeError(CLOCK_AHEAD, str(error)) from None
    source = f"{record.topic_id}/{record.partition}/{record.offset}"
    return NewEvent.of(tenant, event, source)


def _parsed(value: bytes | None) -> object:
    if value is None:
        raise DecodeError(NULL_VALUE, "the record has no value")
    if len(value) > MAX_VALUE_BYTES:
        raise DecodeError(TOO_LARGE, f"{len(value)} bytes, more than {MAX_VALUE_BYTES}")
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(BAD_ENCODING, f"not UTF-8: {error.reason} at {error.start}") from None
    try:
        # Strict: no NaN, no Infinity, no lone surrogates.
        parsed: object = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise DecodeError(BAD_JSON, str(error)) from None
    return parsed


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    named = [(".".join(map(str, fault["loc"])) or "value", fault["msg"]) for fault in faults[:3]]
    return "; ".join(f"{name}: {message}" for name, message in named)
