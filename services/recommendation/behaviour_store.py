"""The stream's one transaction: everything that a micro-batch changes, or nothing of it.

Inbox, events, items, progress, dead letters and outbox are written together; only then is the
offset committed. A batch that comes again finds its records in the inbox.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from services.recommendation.behaviour import Behaved, Prepared
from services.recommendation.metrics import BEHAVIOUR_DEAD_LETTERS
from services.recommendation.store import EventOutcome, FeedbackStore, StoredEvents, report
from services.recommendation.tables import (
    DEAD_LETTER,
    INBOX,
    LEDGER,
    OUTBOX,
    PARTITION,
    TENANT_COUNT,
    TOPIC,
)
from shared.clock import Clock, SystemClock
from shared.delivery.outbox import Message, Outbox
from shared.storage.database import Database
from shared.storage.statements import upsert
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import DEAD_LETTERS, DeadLetter
from shared.streaming.message import Record
from shared.streaming.tenant_counts import TenantCounts

LOGGER = logging.getLogger(__name__)

_DEAD = "dead"
_LOGGED = 20
"""How many dead letters of a batch the log names; the counter has all of them."""


@dataclass(slots=True)
class PartitionRow:
    """How far a partition is stored; the counts are of all that was ever stored of it."""

    partition: int
    next_offset: int = 0
    end_offset: int = 0
    stored: int = 0
    repeated: int = 0
    conflicts: int = 0
    dead_letters: int = 0


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """What became of a batch; `read_before` records were in the inbox already."""

    stored: StoredEvents
    dead: int
    read_before: int


class BehaviourStore:
    """Writes what the topic brings; every method is one transaction and blocks its thread.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._feedback = FeedbackStore(database, self._clock)
        self._outbox = Outbox(OUTBOX)
        self._tenants = TenantCounts(TENANT_COUNT)
        self._noted: StreamProgress | None = None

    def store(self, items: Sequence[Prepared], progress: StreamProgress) -> StoredBatch:
        """Stores a batch of one topic."""
        now_s = self._clock.time()
        with self._database.write() as connection:
            self._feedback.take_turn(connection)
            places = [_place(one.record) for one in items]
            known = LEDGER.known(connection, progress.topic_id, places)
            fresh = [one for one in items if _place(one.record) not in known]
            events = [one for one in fresh if isinstance(one, Behaved)]
            dead = [one for one in fresh if isinstance(one, DeadLetter)]
            stored = self._feedback.put(connection, [one.new for one in events])
            outcomes = [str(outcome) for outcome in stored.outcomes]
            _put_inbox(connection, [one.record for one in events], outcomes, now_s)
            _put_inbox(connection, [one.record for one in dead], [_DEAD] * len(dead), now_s)
            if dead:
                connection.execute(DEAD_LETTER.insert(), [one.row(now_s) for one in dead])
            sent = [Message(DEAD_LETTERS, one.key, one.kept or b"", one.headers) for one in dead]
            self._outbox.put(connection, sent, now_s)
            tenants = Counter(zip((one.new.tenant for one in events), outcomes, strict=True))
            self._tenants.add(connection, progress.topic_id, tenants)
            rows = _partitions(connection, progress.topic_id)
            for one, outcome in zip(events, stored.outcomes, strict=True):
                _count(rows, one.record, outcome)
            for letter in dead:
                _count(rows, letter.record, None)
            _write_progress(connection, progress, rows, now_s)
        report([one.new for one in events], stored)
        _report_dead(dead)
        self._noted = None
        return StoredBatch(stored, len(dead), len(items) - len(fresh))

    def note(self, progress: StreamProgress) -> None:
        """Stores how far the partitions are where nothing comes."""
        if progress == self._noted:
            return
        with self._database.write() as connection:
            self._feedback.take_turn(connection)
            rows = _partitions(connection, progress.topic_id)
            _write_progress(connection, progress, rows, self._clock.time())
        self._noted = progress


def _place(record: Record) -> tuple[int, int]:
    return record.partition, record.offset


def _put_inbox(
    connection: Connection, records: Sequence[Record], outcomes: Sequence[str], now_s: float
) -> None:
    rows = [
        {**_origin(record), "outcome": outcome, "stored_at": now_s}
        for record, outcome in zip(records, outcomes, strict=True)
    ]
    if rows:
        connection.execute(INBOX.insert(), rows)


def _origin(record: Record) -> dict[str, object]:
    return {"topic_id": record.topic_id, "partition": record.partition, "offset": record.offset}


def _partitions(connection: Connection, topic_id: str) -> dict[int, PartitionRow]:
    query = sa.select(*(PARTITION.c[name] for name in PartitionRow.__slots__))
    rows = connection.execute(query.where(PARTITION.c.topic_id == topic_id)).mappings()
    return {row["partition"]: PartitionRow(**row) for row in rows}


def _count(rows: dict[int, PartitionRow], record: Record, outcome: EventOutcome | None) -> None:
    row = rows.setdefault(record.partition, PartitionRow(record.partition))
    row.next_offset = max(row.next_offset, record.offset + 1)
    row.stored += outcome is not None and outcome.is_stored
    row.repeated += outcome is EventOutcome.REPEATED
    row.conflicts += outcome is EventOutcome.CONFLICT
    row.dead_letters += outcome is None


def _write_progress(
    connection: Connection,
    progress: StreamProgress,
    rows: dict[int, PartitionRow],
    now_s: float,
) -> None:
    for number, place in progress.owned.items():
        row = rows.setdefault(number, PartitionRow(number))
        row.end_offset = max(row.end_offset, place.end, row.next_offset)
        if place.caught_up and place.position >= row.end_offset:
            # Positions step over what is no record, such as the marks of transactions.
            row.next_offset = place.position
    topic_id = progress.topic_id
    written = [asdict(row) | {"topic_id": topic_id, "updated_at": now_s} for row in rows.values()]
    replaced = (*PartitionRow.__slots__[1:], "updated_at")
    upsert(connection, PARTITION, written, replaced=replaced)
    topic = {
        "topic_id": topic_id,
        "name": progress.topic,
        "partitions": len(progress.partitions),
        "seen_at": now_s,
    }
    upsert(connection, TOPIC, [topic], replaced=("partitions",))


def _report_dead(dead: Sequence[DeadLetter]) -> None:
    for one in dead:
        BEHAVIOUR_DEAD_LETTERS.labels(one.error.reason).inc()
    for one in dead[:_LOGGED]:
        extra = {**_origin(one.record), "reason": one.error.reason, "detail": one.detail}
        LOGGER.warning("a record is a dead letter", extra=extra)
