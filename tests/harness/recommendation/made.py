"""Events as tests need them; times count from `START_MS`."""

from collections.abc import Sequence

from services.recommendation.payloads import NewEvent
from shared.ranking.events import Event, FieldValue, InteractionEvent, ItemEvent

START_MS = 1_704_700_800_000  # 2024-01-08, 08:00 UTC.


def item(name: str, *, at_s: float = 0.0, event_id: str = "", **fields: FieldValue) -> ItemEvent:
    """An item; its event has the item's name unless it is given another."""
    time_ms = START_MS + int(at_s * 1000)
    return ItemEvent(event_id or f"item-{name}-{at_s:g}", time_ms, name, fields)


def click(
    user: str, name: str, *, at_s: float = 0.0, event_id: str = "", kind: str = "click"
) -> InteractionEvent:
    """A user's interaction with an item."""
    time_ms = START_MS + int(at_s * 1000)
    event_id = event_id or f"{kind}-{user}-{name}-{at_s:g}"
    return InteractionEvent(event_id, time_ms, kind, user, None, name)


def new(events: Sequence[Event], tenant: str = "default") -> list[NewEvent]:
    """Events of a tenant on their way into the database."""
    return [NewEvent.of(tenant, event) for event in events]
