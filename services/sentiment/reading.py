"""What the HTTP replicas read; no reader ever holds up the stream's writer."""

from dataclasses import dataclass

import sqlalchemy as sa

from services.sentiment.alerts.record import AlertRecord, AlertState
from services.sentiment.tables import ALERT, ALERT_EVENT, LEDGER, WINDOW
from shared.errors import NotFoundError
from shared.sentiment.watermark import IdleTime, Watermark
from shared.sentiment.windows import WindowCounts
from shared.storage.database import Database
from shared.streaming.ledger.reader import LedgerReader, TopicFigures


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One change of an alert; `payload` is the alert as of then."""

    seq: int
    tenant: str
    state: str
    payload: dict[str, object]


class NewsReader:
    """Every method is one transaction that only reads, and blocks its thread.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def windows(
        self, tenant: str, entity: str, size_s: int, start_s: int, end_s: int
    ) -> dict[int, WindowCounts]:
        """The counts of the windows that start in `[start_s, end_s)`, by their start."""
        columns = WINDOW.c
        query = sa.select(
            columns.start_s, columns.negative, columns.neutral, columns.positive, columns.late
        ).where(*_of_entity(tenant, entity, size_s), columns.start_s.between(start_s, end_s - 1))
        with self._database.read() as connection:
            return {start: WindowCounts(*counts) for start, *counts in connection.execute(query)}

    def newest_window(self, tenant: str, entity: str, size_s: int) -> int | None:
        """The start of the newest window that has anything; None without any."""
        query = sa.select(sa.func.max(WINDOW.c.start_s)).where(*_of_entity(tenant, entity, size_s))
        with self._database.read() as connection:
            return connection.execute(query).scalar()

    def entities(self, tenant: str, limit: int) -> list[tuple[str, WindowCounts]]:
        """The entities most often named, with the sums of all their days."""
        columns = WINDOW.c
        labels = (columns.negative, columns.neutral, columns.positive, columns.late)
        sums = [sa.func.sum(column) for column in labels]
        named = sum(sums[1:3], sums[0])
        query = (
            sa.select(columns.entity, *sums)
            .where(columns.tenant == tenant, columns.entity != "", columns.size_s == 86_400)
            .group_by(columns.entity)
            .order_by(named.desc(), columns.entity)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                (entity, WindowCounts(*map(int, counts)))
                for entity, *counts in connection.execute(query)
            ]

    def alerts(
        self, tenant: str, *, state: AlertState | None, entity: str | None, limit: int
    ) -> list[AlertRecord]:
        """A tenant's alerts, the newest first."""
        query = sa.select(ALERT).where(ALERT.c.tenant == tenant)
        if state is not None:
            query = query.where(ALERT.c.state == state)
        if entity is not None:
            query = query.where(ALERT.c.entity == entity)
        query = query.order_by(ALERT.c.started_at.desc(), ALERT.c.uid.desc()).limit(limit)
        with self._database.read() as connection:
            return [AlertRecord(**row) for row in connection.execute(query).mappings()]

    def alert(self, tenant: str, uid: str) -> AlertRecord:
        """One of a tenant's alerts.

        Raises:
            NotFoundError: the tenant has none with this uid.
        """
        query = sa.select(ALERT).where(ALERT.c.tenant == tenant, ALERT.c.uid == uid)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"there is no alert {uid!r}: GET /sentiment/alerts lists them")
        return AlertRecord(**row)

    def last_event(self) -> int:
        """The number of the newest event of all tenants; 0 before the first."""
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.max(ALERT_EVENT.c.seq))).scalar() or 0

    def events(self, after: int, limit: int, tenant: str | None = None) -> list[AlertEvent]:
        """At most `limit` events after a number, in order; of all tenants, or of one."""
        columns = ALERT_EVENT.c
        query = sa.select(columns.seq, columns.tenant, columns.state, columns.payload)
        query = query.where(columns.seq > after).order_by(columns.seq).limit(limit)
        if tenant is not None:
            query = query.where(columns.tenant == tenant)
        with self._database.read() as connection:
            return [AlertEvent(**row) for row in connection.execute(query).mappings()]

    def topic(self, name: str, tenant: str | None = None) -> TopicFigures:
        """See `LedgerReader.figures`."""
        with self._database.read() as connection:
            return LedgerReader(LEDGER).figures(connection, name, tenant)


def _of_entity(tenant: str, entity: str, size_s: int) -> tuple[sa.ColumnElement[bool], ...]:
    columns = WINDOW.c
    return columns.tenant == tenant, columns.entity == entity, columns.size_s == size_s


def event_time(topic: TopicFigures) -> Watermark:
    """How far a topic's event time has come, with silence or by records."""
    if (row := topic.row) is None:
        return Watermark()
    idle_time = IdleTime(row["idle_end"], row["idle_seconds"], row["idle_until"])
    return idle_time.moves(Watermark(row["watermark"], row["inclusive"]))
