"""One record of the topic as an event of a tenant, or the reason why it is none."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from services.recommendation.bodies import check_time
from services.recommendation.incoming import EVENT
from services.recommendation.payloads import NewEvent
from shared.errors import InputError
from shared.http.keys import DEFAULT_TENANT, TenantName
from shared.streaming.application import json_value
from shared.streaming.dead_letters import BAD_SCHEMA, CLOCK_AHEAD, DeadLetter, DecodeError
from shared.streaming.message import Record
from shared.validation.faults import faults_of, joined

MAX_VALUE_BYTES = 1024 * 1024

_TENANT: TypeAdapter[str] = TypeAdapter(TenantName)


@dataclass(frozen=True, slots=True)
class Behaved:
    """A record that is an event."""

    record: Record
    new: NewEvent


Prepared = Behaved | DeadLetter


def decode(record: Record, *, arrived_at: float, max_ahead_s: float) -> NewEvent:
    """Reads a record's value: an event as `POST /recommend/feedback` takes it, and its `tenant`.

    Its `timestamp` may lie at most `max_ahead_s` after `arrived_at` (Unix seconds): what is dated
    next year would hold against every change until then.

    Raises:
        DecodeError: the value is missing, too large, not UTF-8, not JSON, no event, or dated too
            far ahead.
    """
    parsed = json_value(record.value, MAX_VALUE_BYTES)
    tenant = _tenant(parsed)
    try:
        event = EVENT.validate_python(parsed).as_event()
    except ValidationError as error:
        raise DecodeError(BAD_SCHEMA, joined(faults_of(error, parsed))) from None
    try:
        check_time(event, int((arrived_at + max_ahead_s) * 1000))
    except InputError as error:
        raise DecodeError(CLOCK_AHEAD, f"timestamp: {error}") from None
    source = f"{record.topic_id}/{record.partition}/{record.offset}"
    return NewEvent.of(tenant, event, source)


def _tenant(parsed: object) -> str:
    """The record's tenant, which is taken out: the rest is an event as clients send them."""
    if not isinstance(parsed, dict) or "tenant" not in parsed:
        return DEFAULT_TENANT
    given = parsed.pop("tenant")
    try:
        return _TENANT.validate_python(given, strict=True)
    except ValidationError as error:
        raise DecodeError(BAD_SCHEMA, f"tenant: {joined(faults_of(error, given))}") from None
