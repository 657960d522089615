"""Events as the database holds them: one spelling for each content, and back."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import orjson

from shared.ranking.events import (
    Event,
    FieldValue,
    InteractionEvent,
    ItemEvent,
    RankingEvent,
    UserEvent,
)

HTTP = "http"
"""The source of an event that came by a request."""

_DIGEST_CHARS = 32


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way into the database, in its canonical spelling.

    Two events of one tenant and id are the same where their digests are.
    """

    tenant: str
    event: Event
    kind: str
    payload: bytes
    digest: str
    source: str

    @classmethod
    def of(cls, tenant: str, event: Event, source: str = HTTP) -> "NewEvent":
        """The event as it will be stored."""
        kind, content = _content(event)
        payload = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        text = b"%s %d %s" % (kind.encode(), event.timestamp_ms, payload)
        return cls(tenant, event, kind, payload, digest(text), source)


def digest(content: bytes) -> str:
    """What tells one content from another: the beginning of its SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS]


def decode_event(kind: str, event_id: str, timestamp_ms: int, payload: bytes) -> Event:
    """The event that was stored.

    Raises:
        ValueError: no event of this kind was ever stored by this program.
    """
    content = orjson.loads(payload)
    match kind:
        case "item":
            return ItemEvent(event_id, timestamp_ms, content["item"], _told(content["fields"]))
        case "user":
            return UserEvent(event_id, timestamp_ms, content["user"], _told(content["fields"]))
    fields = decode_fields(content["fields"])
    match kind:
        case "ranking":
            items = tuple(content["items"])
            user, session = content["user"], content["session"]
            return RankingEvent(event_id, timestamp_ms, user, session, items, fields)
        case "interaction":
            return InteractionEvent(
                event_id,
                timestamp_ms,
                content["type"],
                content["user"],
                content["session"],
                content["item"],
                content["ranking"],
                fields,
            )
    raise ValueError(f"event {event_id!r} is of the kind {kind!r}, which nothing here writes")


def _content(event: Event) -> tuple[str, dict[str, Any]]:
    fields = dict(event.fields)
    match event:
        case ItemEvent():
            return "item", {"item": event.item, "fields": fields}
        case UserEvent():
            return "user", {"user": event.user, "fields": fields}
        case RankingEvent():
            named = {"user": event.user, "session": event.session}
            return "ranking", {**named, "items": event.items, "fields": fields}
        case InteractionEvent():
            named = {"user": event.user, "session": event.session, "ranking": event.ranking}
            return "interaction", {
                **named,
                "type": event.type,
                "item": event.item,
                "fields": fields,
            }
        case _:
            assert_never(event)


def decode_fields(fields: Mapping[str, Any]) -> dict[str, FieldValue]:
    """Fields as JSON has them; its lists become tuples."""
    return {name: _value(value) for name, value in fields.items()}


def _told(fields: Mapping[str, Any]) -> dict[str, FieldValue | None]:
    return {name: None if value is None else _value(value) for name, value in fields.items()}


def _value(value: Any) -> FieldValue:
    return tuple(value) if isinstance(value, list) else value
