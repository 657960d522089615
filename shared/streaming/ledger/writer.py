"""The one writer of a ledger: what a batch adds to it, in the transaction that stores the batch."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import prometheus_client
import sqlalchemy as sa
from sqlalchemy import Connection

from shared.delivery.outbox import Message, Outbox
from shared.storage.statements import upsert
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import DEAD_LETTERS, DeadLetter
from shared.streaming.ledger.tables import Ledger, of_partition
from shared.streaming.message import Record

LOGGER = logging.getLogger(__name__)

DEAD = "dead"
"""The outcome of a record that could not be read."""

NOBODY = ""
"""The tenant of such a record: whose it was is not known."""

LOGGED = 20
"""How many records of one kind a batch names in the log; the counters have all of them."""

_NOT_IN_ROWS = ("topic_id", "kept_from", "updated_at")
_Place = tuple[int, int]


class HasRecord(Protocol):
    """What came of a record, usable or not."""

    @property
    def record(self) -> Record:
        """The record."""


class PartitionRow(Protocol):
    """How far a partition is stored; an application's own row may hold more of its columns."""

    partition: int
    next_offset: int
    end_offset: int


@dataclass(slots=True)
class PartitionPlace:
    """The row of an application without more columns."""

    partition: int
    next_offset: int = 0
    end_offset: int = 0


ItemT = TypeVar("ItemT", bound=HasRecord)
RowT = TypeVar("RowT", bound=PartitionRow)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that was read: what became of it, whose it is, and the inbox's own columns."""

    record: Record
    outcome: str
    tenant: str = NOBODY
    own: Mapping[str, object] = field(default_factory=dict)


class LedgerWriter(Generic[RowT]):
    """Statements on a ledger's tables; each runs in the caller's transaction, which has its turn.

    `rows` are the partitions of a topic by their numbers, which are read, changed and written back;
    `new_row` makes one of its number, or of the table's columns.
    """

    def __init__(
        self,
        ledger: Ledger,
        outbox: Outbox,
        new_row: Callable[..., RowT],
        dead_letters: prometheus_client.Counter,
    ) -> None:
        self._ledger = ledger
        self._outbox = outbox
        self._new_row = new_row
        self._dead_letters = dead_letters
        self._columns = [c.name for c in ledger.partitions.c if c.name not in _NOT_IN_ROWS]

    def rows(self, connection: Connection, topic_id: str) -> dict[int, RowT]:
        """How far each partition of a topic is stored."""
        columns = self._ledger.partitions.c
        query = sa.select(*(columns[name] for name in self._columns))
        found = connection.execute(query.where(columns.topic_id == topic_id)).mappings()
        return {row["partition"]: self._new_row(**row) for row in found}

    def fresh(self, connection: Connection, topic_id: str, items: Sequence[ItemT]) -> list[ItemT]:
        """Those whose records were not read before, each once."""
        read = self._read(connection, topic_id, [_place(item.record) for item in items])
        found = []
        for item in items:
            place = _place(item.record)
            if place not in read:
                read.add(place)
                found.append(item)
        return found

    def passed(self, rows: dict[int, RowT], record: Record) -> RowT:
        """A record is stored: its partition's row, which says so."""
        row = self._row(rows, record.partition)
        row.next_offset = max(row.next_offset, record.offset + 1)
        return row

    def note_ends(
        self, rows: dict[int, RowT], progress: StreamProgress, quiet: Collection[int]
    ) -> list[RowT]:
        """Where the owned partitions end; returns those of the `quiet` ones that are at their end.

        A member that was frozen for a while may speak of a partition that another one owns by now:
        it is heard only where it has seen all that is stored. What is held has no end to wait for.
        """
        at_end = []
        for number, place in progress.owned.items():
            row = self._row(rows, number)
            row.end_offset = max(row.end_offset, place.end, row.next_offset)
            seen = row.next_offset if place.held else row.end_offset
            if number in quiet and place.position >= seen:
                # Positions step over what is not a record, such as the marks of transactions.
                row.next_offset = place.position
                at_end.append(row)
        return at_end

    def put(
        self,
        connection: Connection,
        topic_id: str,
        entries: Sequence[Entry],
        letters: Sequence[DeadLetter],
        now_s: float,
        counted: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        """Writes a batch's inbox, dead letters with their messages, and counts.

        `counted` are records by tenant and what else there is to count of them.
        """
        inbox = [
            {**origin(one.record), "outcome": one.outcome, "stored_at": now_s, **one.own}
            for one in entries
        ]
        if inbox:
            connection.execute(self._ledger.inbox.insert(), inbox)
        if letters:
            rows = [one.row(now_s) for one in letters]
            connection.execute(self._ledger.dead_letters.insert(), rows)
        messages = [Message(DEAD_LETTERS, one.key, one.kept or b"", one.headers) for one in letters]
        self._outbox.put(connection, messages, now_s)
        counts = Counter((one.tenant, one.outcome) for one in entries)
        self._count(connection, topic_id, counts + Counter(counted or {}))

    def write(
        self,
        connection: Connection,
        progress: StreamProgress,
        rows: Mapping[int, RowT],
        now_s: float,
        topic: Mapping[str, object] | None = None,
    ) -> None:
        """Writes how far the partitions are, and the topic with its own columns."""
        topic_id = progress.topic_id
        partitions = [
            {name: getattr(row, name) for name in self._columns}
            | {"topic_id": topic_id, "updated_at": now_s}
            for row in rows.values()
        ]
        replaced = [name for name in (*self._columns, "updated_at") if name != "partition"]
        upsert(connection, self._ledger.partitions, partitions, replaced=replaced)
        changing = {"partitions": len(progress.partitions), **(topic or {})}
        row = {"topic_id": topic_id, "name": progress.topic, "seen_at": now_s, **changing}
        upsert(connection, self._ledger.topics, [row], replaced=list(changing))

    def report(self, letters: Sequence[DeadLetter]) -> None:
        """Metrics and log lines, after the commit: what was rolled back did not happen."""
        for one in letters:
            self._dead_letters.labels(one.error.reason).inc()
        for one in letters[:LOGGED]:
            extra = {**named(one.record), "reason": one.error.reason, "detail": one.detail}
            LOGGER.warning("a record is a dead letter", extra=extra)

    def _row(self, rows: dict[int, RowT], partition: int) -> RowT:
        if partition not in rows:
            rows[partition] = self._new_row(partition)
        return rows[partition]

    def _read(self, connection: Connection, topic_id: str, places: Iterable[_Place]) -> set[_Place]:
        """Which of a batch's records were read before."""
        offsets: dict[int, list[int]] = {}
        for partition, offset in places:
            offsets.setdefault(partition, []).append(offset)
        kept_from = self._kept_from(connection, topic_id)
        found: set[_Place] = set()
        inbox = self._ledger.inbox
        for partition, some in offsets.items():
            # One range for each partition, of which the primary key is an index.
            query = sa.select(inbox.c.offset).where(
                *of_partition(inbox, topic_id, partition),
                inbox.c.offset.between(min(some), max(some)),
            )
            found.update((partition, one) for one in connection.execute(query).scalars())
            least = kept_from.get(partition, 0)
            found.update((partition, one) for one in some if one < least)
        return found

    def _kept_from(self, connection: Connection, topic_id: str) -> dict[int, int]:
        columns = self._ledger.partitions.c
        query = sa.select(columns.partition, columns.kept_from)
        return dict(iter(connection.execute(query.where(columns.topic_id == topic_id))))

    def _count(
        self, connection: Connection, topic_id: str, counts: Mapping[tuple[str, str], int]
    ) -> None:
        rows = [
            {"topic_id": topic_id, "tenant": tenant, "outcome": outcome, "records": records}
            # In one order for all writers, so that none waits for the other in a ring.
            for (tenant, outcome), records in sorted(counts.items())
        ]
        upsert(connection, self._ledger.counts, rows, added=("records",))


def origin(record: Record) -> dict[str, object]:
    """What a record is known by."""
    return {"topic_id": record.topic_id, "partition": record.partition, "offset": record.offset}


def named(record: Record) -> dict[str, object]:
    """What a log line says of a record: its topic's name as well, which people know."""
    return {"topic": record.topic, **origin(record)}


def _place(record: Record) -> _Place:
    return record.partition, record.offset
