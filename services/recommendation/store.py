"""Feedback in the database, which is the only truth about it: stored once, whatever way it came.

Every event gets the next number in the order of the commits. All writers take turns: on SQLite
because it has one writer, on PostgreSQL by a lock, so that no number becomes visible before a
lesser one.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy import Connection

from services.recommendation.items import put_items
from services.recommendation.metrics import FEEDBACK_EVENTS, FEEDBACK_STORE_LATENCY
from services.recommendation.payloads import NewEvent
from services.recommendation.tables import EVENT
from shared.clock import Clock, SystemClock
from shared.ranking.behaviour.fields import Effect
from shared.ranking.events import Event, ItemEvent
from shared.storage.advisory_lock import take_writers_turn
from shared.storage.database import Database
from shared.storage.statements import chunks, pairs_in

LOGGER = logging.getLogger(__name__)

_WRITER_LOCK = 0x72616E6B  # "rank": any number does that all writers share.
_LOGGED = 20
"""How many conflicts of a batch the log names; the counter has all of them."""


class EventOutcome(StrEnum):
    """What became of an event. `repeated` has an id and a content that are there already.

    A `conflict` has an id that is there with another content; both change nothing. An item event
    that is stored may tell nothing new (`unchanged`), or of fields of which a newer event has told
    (`older`): then the item stays as it is, too.
    """

    STORED = "stored"
    UNCHANGED = "unchanged"
    OLDER = "older"
    REPEATED = "repeated"
    CONFLICT = "conflict"

    @property
    def is_stored(self) -> bool:
        """Whether the event is stored now, and was not before."""
        return self not in (EventOutcome.REPEATED, EventOutcome.CONFLICT)


_OF_ITEMS = {
    Effect.CHANGED: EventOutcome.STORED,
    Effect.UNCHANGED: EventOutcome.UNCHANGED,
    Effect.OLDER: EventOutcome.OLDER,
}


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its number and its tenant."""

    seq: int
    tenant: str
    event: Event


@dataclass(frozen=True, slots=True)
class StoredEvents:
    """What a transaction did: an outcome for each event, and the new ones in order."""

    outcomes: tuple[EventOutcome, ...]
    events: tuple[StoredEvent, ...]


class FeedbackStore:
    """Writes events.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()

    def store(self, events: Sequence[NewEvent]) -> StoredEvents:
        """Stores events of any tenants, durably when it returns; blocks its thread."""
        with FEEDBACK_STORE_LATENCY.time(), self._database.write() as connection:
            self.take_turn(connection)
            stored = self.put(connection, events)
        report(events, stored)
        return stored

    def take_turn(self, connection: Connection) -> None:
        """Waits until no other writer is in its transaction; lasts as long as this one."""
        take_writers_turn(self._database, connection, _WRITER_LOCK)

    def put(self, connection: Connection, events: Sequence[NewEvent]) -> StoredEvents:
        """Stores events in the caller's transaction, which has its turn."""
        known = _known(connection, events)
        seq = connection.execute(sa.select(sa.func.max(EVENT.c.stored_seq))).scalar() or 0
        now_s = self._clock.time()
        outcomes: list[EventOutcome] = []
        rows: list[dict[str, object]] = []
        stored: list[StoredEvent] = []
        for new in events:
            key = (new.tenant, new.event.id)
            first = known.setdefault(key, new.digest)
            if first is not new.digest:
                outcomes.append(
                    EventOutcome.REPEATED if first == new.digest else EventOutcome.CONFLICT
                )
                continue
            seq += 1
            outcomes.append(EventOutcome.STORED)
            stored.append(StoredEvent(seq, new.tenant, new.event))
            rows.append(_row(new, seq, now_s))
        if rows:
            connection.execute(EVENT.insert(), rows)
            _put_items(connection, stored, outcomes)
        return StoredEvents(tuple(outcomes), tuple(stored))


def report(events: Sequence[NewEvent], stored: StoredEvents) -> None:
    """Metrics and log lines, after the commit: what was rolled back did not happen."""
    for outcome in EventOutcome:
        if count := stored.outcomes.count(outcome):
            FEEDBACK_EVENTS.labels(outcome).inc(count)
    pairs = zip(events, stored.outcomes, strict=True)
    conflicts = [new for new, outcome in pairs if outcome is EventOutcome.CONFLICT]
    for new in conflicts[:_LOGGED]:
        extra = {"tenant": new.tenant, "id": new.event.id, "source": new.source}
        LOGGER.warning("duplicate id with another content: the first one counts", extra=extra)


def _known(connection: Connection, events: Sequence[NewEvent]) -> dict[tuple[str, str], str]:
    """The digests of those ids that are there already."""
    columns = EVENT.c
    query = sa.select(columns.tenant, columns.id, columns.digest)
    keys = sorted({(new.tenant, new.event.id) for new in events})
    found: dict[tuple[str, str], str] = {}
    for part in chunks(keys):
        where = pairs_in(columns.tenant, columns.id, part)
        for tenant, event_id, known in connection.execute(query.where(where)):
            found[tenant, event_id] = known
    return found


def _row(new: NewEvent, seq: int, now_s: float) -> dict[str, object]:
    return {
        "stored_seq": seq,
        "tenant": new.tenant,
        "id": new.event.id,
        "kind": new.kind,
        "timestamp_ms": new.event.timestamp_ms,
        "payload": new.payload,
        "digest": new.digest,
        "source": new.source,
        "stored_at": now_s,
    }


def _put_items(
    connection: Connection, stored: Sequence[StoredEvent], outcomes: list[EventOutcome]
) -> None:
    """Merges the item events among those that were stored, and notes what each of them did."""
    places = [place for place, outcome in enumerate(outcomes) if outcome.is_stored]
    told = [
        (place, one.tenant, one.event)
        for place, one in zip(places, stored, strict=True)
        if isinstance(one.event, ItemEvent)
    ]
    effects = put_items(connection, [(tenant, event) for _, tenant, event in told])
    for (place, _, _), effect in zip(told, effects, strict=True):
        outcomes[place] = _OF_ITEMS[effect]
