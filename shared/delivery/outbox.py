"""Messages that leave in the same transaction as what they tell of, and are sent afterwards.

A message is written beside the state that caused it, so neither exists without the other. A relay
(`shared.delivery.relay`) sends it at least once; its `key` lets the receiver know a second copy.

Messages of one sink that have the same `ordered_by` leave in the order in which they were put: one
is claimed when all earlier ones are delivered or given up, however many relays share the table.
Messages without it, and those of other keys, never wait for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from shared.storage.identifiers import new_id
from shared.storage.retention import Rule, stored_before
from shared.storage.statements import insert_into

_ERROR_CHARS = 500


def outbox_table(metadata: sa.MetaData, name: str = "outbox") -> sa.Table:
    """The table of a service's outbox; its migration makes it (`shared.delivery.outbox_schema`)."""
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("sink", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("headers", sa.JSON),
        sa.Column("ordered_by", sa.Text),
        sa.Column("seq", sa.BigInteger),
        sa.Column("attempts", sa.Integer),
        sa.Column("due_at", sa.Float),
        sa.Column("delivered_at", sa.Float),
        sa.Column("given_up_at", sa.Float),
        sa.Column("last_error", sa.Text),
    )


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent to a sink; of a sink's messages with one `key` the first counts.

    Messages with the same `ordered_by` reach the sink in order; None is in no order.
    """

    sink: str
    key: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    ordered_by: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way: `attempts` were made before this one."""

    id: str
    message: Message
    attempts: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a sink has not taken: messages that wait, and messages that were given up."""

    waiting: int = 0
    given_up: int = 0


class Outbox:
    """Statements on an outbox's table; each runs in the caller's transaction."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table

    def put(self, connection: Connection, messages: Sequence[Message], now_s: float) -> None:
        """Writes messages, due at once; one whose key its sink has already changes nothing.

        Messages of one `ordered_by` must be put by transactions that take turns: those of two
        that run at the same time have no order among them.
        """
        if not messages:
            return
        last = connection.execute(sa.select(sa.func.max(self._table.c.seq))).scalar() or 0
        rows = [
            {
                "id": new_id(),
                "sink": message.sink,
                "key": message.key,
                "payload": message.payload,
                "headers": dict(message.headers),
                "ordered_by": message.ordered_by,
                "seq": seq,
                "attempts": 0,
                "due_at": now_s,
            }
            for seq, message in enumerate(messages, last + 1)
        ]
        insert = insert_into(connection, self._table)
        once = insert.on_conflict_do_nothing(index_elements=["sink", "key"])
        connection.execute(once, rows)

    def due(
        self, connection: Connection, sinks: Sequence[str], now_s: float, limit: int
    ) -> list[str]:
        """The ids of the oldest messages that may be claimed; locks nothing.

        At most one of each `ordered_by`: the next one when that is delivered or given up.
        """
        columns = self._table.c
        query = sa.select(columns.id).where(columns.sink.in_(sinks), self._is_due(now_s))
        query = query.order_by(columns.seq, columns.id).limit(limit)
        return list(connection.execute(query).scalars())

    def claim(
        self, connection: Connection, ids: Sequence[str], now_s: float, lease_s: float
    ) -> list[Delivery]:
        """Those of `ids` that are still due, in order; nobody else gets them for `lease_s`."""
        columns = self._table.c
        # By the ids alone, or a planner without statistics reads all that waits. What was the next
        # one of its key is that still: later messages come behind it.
        query = sa.select(self._table).where(columns.id.in_(ids)).with_for_update(skip_locked=True)
        rows = {row["id"]: row for row in connection.execute(query).mappings()}
        found = [
            _delivery(rows[one])
            for one in ids
            if one in rows and rows[one]["due_at"] <= now_s and _is_open_row(rows[one])
        ]
        if found:
            mine = self._table.update().where(columns.id.in_([one.id for one in found]))
            connection.execute(mine.values(due_at=now_s + lease_s))
        return found

    def delivered(self, connection: Connection, ids: Sequence[str], now_s: float) -> None:
        """The sink has taken these."""
        values = {"delivered_at": now_s, "last_error": None}
        self._settle(connection, ids, values, counts=True)

    def postpone(
        self, connection: Connection, ids: Sequence[str], due_s: float, error: str | None
    ) -> None:
        """These are tried again at `due_s`; with an `error`, an attempt was made."""
        values: dict[str, object] = {"due_at": due_s}
        if error is not None:
            values["last_error"] = error[:_ERROR_CHARS]
        self._settle(connection, ids, values, counts=error is not None)

    def give_up(self, connection: Connection, ids: Sequence[str], now_s: float, error: str) -> None:
        """The sink will never take these; they stay, with the reason."""
        values = {"given_up_at": now_s, "last_error": error[:_ERROR_CHARS]}
        self._settle(connection, ids, values, counts=True)

    def backlog(self, connection: Connection, sinks: Sequence[str]) -> dict[str, Backlog]:
        """What each of these sinks has not taken; reads as much of an index as there waits."""
        waiting = self._count(connection, sinks, _is_open(self._table))
        given_up = self._count(connection, sinks, self._table.c.given_up_at.is_not(None))
        return {sink: Backlog(waiting.get(sink, 0), given_up.get(sink, 0)) for sink in sinks}

    def _count(
        self, connection: Connection, sinks: Sequence[str], which: sa.ColumnElement[bool]
    ) -> dict[str, int]:
        sink = self._table.c.sink
        query = sa.select(sink, sa.func.count()).where(sink.in_(sinks), which).group_by(sink)
        return dict(iter(connection.execute(query)))

    def rules(self, delivered_days: float | None, given_up_days: float | None) -> list[Rule]:
        """When messages go that were delivered or given up; what waits never does."""
        columns = self._table.c
        return [
            Rule(
                "outbox_delivered", delivered_days, stored_before(self._table, columns.delivered_at)
            ),
            Rule("outbox_given_up", given_up_days, stored_before(self._table, columns.given_up_at)),
        ]

    def _is_due(self, now_s: float) -> sa.ColumnElement[bool]:
        columns = self._table.c
        earlier = self._table.alias("earlier")
        waits = sa.exists().where(
            earlier.c.sink == columns.sink,
            earlier.c.ordered_by == columns.ordered_by,
            earlier.c.seq < columns.seq,
            _is_open(earlier),
        )
        return sa.and_(
            _is_open(self._table),
            columns.due_at <= now_s,
            sa.or_(columns.ordered_by.is_(None), ~waits),
        )

    def _settle(
        self,
        connection: Connection,
        ids: Sequence[str],
        values: Mapping[str, object],
        *,
        counts: bool,
    ) -> None:
        if not ids:
            return
        attempts = self._table.c.attempts + (1 if counts else 0)
        update = self._table.update().where(self._table.c.id.in_(ids))
        connection.execute(update.values(**values, attempts=attempts))


def _is_open(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Neither delivered nor given up."""
    return sa.and_(table.c.delivered_at.is_(None), table.c.given_up_at.is_(None))


def _is_open_row(row: RowMapping) -> bool:
    return row["delivered_at"] is None and row["given_up_at"] is None


def _delivery(row: RowMapping) -> Delivery:
    message = Message(row["sink"], row["key"], row["payload"], row["headers"], row["ordered_by"])
    return Delivery(row["id"], message, row["attempts"])
