"""What a database holds after a run, in a form in which two runs can be compared.

Left out is what a run chooses by itself: its own identifiers, and when it stored a thing.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from services.sentiment.alerts.alertmanager import NOTIFIED
from services.sentiment.tables import (
    ALERT,
    ALERT_EVENT,
    ARTICLE,
    LEDGER,
    MENTION,
    OUTBOX,
    WINDOW,
)
from shared.storage.database import Database

Row = tuple[object, ...]

_IDENTITY = (LEDGER.inbox.c.topic_id, LEDGER.inbox.c.partition, LEDGER.inbox.c.offset)
_SCORE = ("label", "negative", "neutral", "positive", "bundle")


@dataclass(frozen=True)
class DatabaseContent:
    """Rows by what they are; `notified` are the keys under which alerts are told of."""

    inbox: list[Row]
    scores: list[Row]
    mentions: list[Row]
    windows: list[Row]
    alerts: list[Row]
    changes: list[Row]
    partitions: list[Row]
    counts: list[Row]
    dead_letters: list[Row]
    notified: frozenset[str]

    @property
    def fired(self) -> int:
        """How many alerts have fired."""
        return sum(key.endswith(":firing") for key in self.notified)


def read_outcome(database: Database) -> DatabaseContent:
    """All that the stream has written, in order."""
    with database.read() as connection:
        return DatabaseContent(
            inbox=_rows(connection, *_IDENTITY, LEDGER.inbox.c.tenant, LEDGER.inbox.c.outcome),
            scores=_scores(connection),
            mentions=_mentions(connection),
            windows=_windows(connection),
            alerts=_alerts(connection),
            changes=_changes(connection),
            partitions=_partitions(connection),
            counts=_rows(connection, *LEDGER.counts.c),
            dead_letters=_dead_letters(connection),
            notified=_notified(connection),
        )


def stored(database: Database) -> int:
    """How many records are in the inbox."""
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(LEDGER.inbox)).scalar_one()


def unsettled(database: Database, records: int) -> list[str]:
    """What is still to come: records, mentions that the detector has not read, messages."""
    with database.read() as connection:

        def count(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
            query = sa.select(sa.func.count()).select_from(table).where(*conditions)
            return connection.execute(query).scalar_one()

        waiting = {
            "records not stored": records - count(LEDGER.inbox),
            "partitions not idle": count(LEDGER.partitions, ~LEDGER.partitions.c.idle),
            "topics not at their end": count(LEDGER.topics, ~LEDGER.topics.c.inclusive),
            "mentions not applied": count(MENTION, ~MENTION.c.applied),
            "messages not delivered": count(OUTBOX, OUTBOX.c.delivered_at.is_(None)),
        }
    return [f"{number} {what}" for what, number in waiting.items() if number]


def is_settled(database: Database, records: int) -> bool:
    """Whether all records are stored, all mentions applied, and all messages delivered."""
    return not unsettled(database, records)


def _rows(connection: Connection, *columns: sa.ColumnElement[object]) -> list[Row]:
    query = sa.select(*columns).order_by(*columns)
    return [tuple(row) for row in connection.execute(query)]


def _scores(connection: Connection) -> list[Row]:
    names = ["topic_id", "partition", "offset", "tenant", "id", "source", "text"]
    names += ["published_at", "effective_at", "late", *_SCORE]
    return _rows(connection, *(ARTICLE.c[name] for name in names))


def _mentions(connection: Connection) -> list[Row]:
    names = ("partition", "offset", "tenant", "entity", "start", "end", "effective_at", *_SCORE)
    return _rows(connection, *(MENTION.c[name] for name in (*names, "applied")))


def _windows(connection: Connection) -> list[Row]:
    names = ("tenant", "entity", "size_s", "start_s", "negative", "neutral", "positive", "late")
    return _rows(connection, *(WINDOW.c[name] for name in names))


def _partitions(connection: Connection) -> list[Row]:
    names = ("topic_id", "partition", "next_offset", "max_event_time", "idle")
    return _rows(connection, *(LEDGER.partitions.c[name] for name in names))


def _dead_letters(connection: Connection) -> list[Row]:
    names = ("topic_id", "partition", "offset", "reason")
    return _rows(connection, *(LEDGER.dead_letters.c[name] for name in names))


def _alerts(connection: Connection) -> list[Row]:
    """Without its own id; a driver is known by the id that its sender gave it."""
    found: list[Row] = []
    for row in connection.execute(sa.select(ALERT)).mappings():
        drivers = [(driver["id"], driver["negative"]) for driver in row["drivers"]]
        figures = sorted(row["figures"].items())
        names = ["fingerprint", "episode_start", "tenant", "entity", "state", "started_at"]
        names += ["fired_at", "resolved_at", "version"]
        found.append((*(row[name] for name in names), repr(figures), repr(drivers)))
    return sorted(found, key=repr)


def _changes(connection: Connection) -> list[Row]:
    query = (
        sa.select(ALERT.c.fingerprint, ALERT.c.episode_start, ALERT_EVENT.c.state, ALERT_EVENT.c.at)
        .join(ALERT, ALERT.c.uid == ALERT_EVENT.c.alert)
        .order_by(ALERT.c.fingerprint, ALERT.c.episode_start, ALERT_EVENT.c.seq)
    )
    return [tuple(row) for row in connection.execute(query)]


def _notified(connection: Connection) -> frozenset[str]:
    columns = ALERT_EVENT.c
    query = sa.select(columns.alert, columns.state, columns.payload)
    return frozenset(
        f"{alert}:{state}"
        for alert, state, payload in connection.execute(query)
        if state in NOTIFIED and payload["fired_at"] is not None
    )
