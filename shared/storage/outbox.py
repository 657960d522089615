"""Messages that leave in the same transaction as what they tell of, and are sent afterwards.

A message is written beside the state that caused it, so neither exists without the other. A relay
(`shared.storage.relay`) sends it at least once; its `key` lets the receiver know a second copy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects import postgresql, sqlite

from shared.storage.identifiers import new_id

_ERROR_CHARS = 500


def outbox_table(metadata: sa.MetaData, name: str = "outbox") -> sa.Table:
    """The table of a service's outbox; its migration makes it, with a unique (sink, key)."""
    return sa.Table(
        name,
        metadata,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("sink", sa.Text),
        sa.Column("key", sa.Text),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("headers", sa.JSON),
        sa.Column("ordered_by", sa.Text),
        sa.Column("attempts", sa.Integer),
        sa.Column("due_at", sa.Float),
        sa.Column("delivered_at", sa.Float),
        sa.Column("given_up_at", sa.Float),
        sa.Column("last_error", sa.Text),
    )


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent to a sink; of a sink's messages with one `key` the first counts.

    A topic keeps the order of the messages that have one `ordered_by`.
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
        """Writes messages, due at once; one whose key its sink has already changes nothing."""
        if not messages:
            return
        rows = [
            {
                "id": new_id(),
                "sink": message.sink,
                "key": message.key,
                "payload": message.payload,
                "headers": dict(message.headers),
                "ordered_by": message.ordered_by,
                "attempts": 0,
                "due_at": now_s,
            }
            for message in messages
        ]
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(self._table).on_conflict_do_nothing(), rows)

    def has_due(self, connection: Connection, sinks: Sequence[str], now_s: float) -> bool:
        """Whether `claim` would find anything; locks nothing."""
        query = sa.select(sa.literal(1)).where(self._due(sinks, now_s)).limit(1)
        return connection.execute(query).first() is not None

    def claim(
        self, connection: Connection, sinks: Sequence[str], now_s: float, lease_s: float, limit: int
    ) -> list[Delivery]:
        """The oldest messages that are due, which nobody else gets for `lease_s`."""
        columns = self._table.c
        query = (
            sa.select(self._table)
            .where(self._due(sinks, now_s))
            .order_by(columns.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        found = [_delivery(row) for row in connection.execute(query).mappings()]
        if found:
            ids = [delivery.id for delivery in found]
            mine = self._table.update().where(columns.id.in_(ids))
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

    def backlog(self, connection: Connection) -> dict[str, Backlog]:
        """What each sink that has anything left has not taken."""
        columns = self._table.c
        query = (
            sa.select(columns.sink, sa.func.count(), sa.func.count(columns.given_up_at))
            .where(columns.delivered_at.is_(None))
            .group_by(columns.sink)
        )
        return {
            sink: Backlog(total - given_up, given_up)
            for sink, total, given_up in connection.execute(query)
        }

    def purge(self, connection: Connection, before_s: float) -> int:
        """Deletes what was delivered before a time; returns how many messages that were."""
        old = self._table.c.delivered_at < before_s
        return connection.execute(self._table.delete().where(old)).rowcount

    def _due(self, sinks: Sequence[str], now_s: float) -> sa.ColumnElement[bool]:
        columns = self._table.c
        return sa.and_(
            columns.delivered_at.is_(None),
            columns.given_up_at.is_(None),
            columns.sink.in_(sinks),
            columns.due_at <= now_s,
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


def _delivery(row: RowMapping) -> Delivery:
    message = Message(row["sink"], row["key"], row["payload"], row["headers"], row["ordered_by"])
    return Delivery(row["id"], message, row["attempts"])
