"""What is read of a ledger: how far a topic is stored, and what became of its records."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from shared.streaming.consumer import TopicLog
from shared.streaming.ledger.tables import Ledger
from shared.streaming.places import StoredPlace


@dataclass(frozen=True, slots=True)
class TopicFigures:
    """What the database says of a topic; of one that was never read the `topic_id` is ''.

    `counts` are records by outcome, of all tenants or of one; `row` is the topic's, with the
    service's own columns.
    """

    topic_id: str = ""
    partitions: Sequence[StoredPlace] = ()
    counts: Counter[str] = field(default_factory=Counter)
    row: RowMapping | None = None

    def of(self, log: TopicLog) -> "TopicFigures":
        """These, if the broker has this topic now; nothing of one that was made since."""
        return self if log.topic_id in ("", self.topic_id) else TopicFigures()


class LedgerReader:
    """Statements on a ledger's tables, in the caller's transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def figures(self, connection: Connection, name: str, tenant: str | None = None) -> TopicFigures:
        """Of the topic of this name that was seen last.

        A tenant's dead letters are none: those are nobody's.
        """
        row = self.present(connection, name)
        if row is None:
            return TopicFigures()
        topic_id = row["topic_id"]
        counts = self.counts(connection, topic_id, tenant)
        return TopicFigures(topic_id, self.places(connection, topic_id), counts, row)

    def present(self, connection: Connection, name: str) -> RowMapping | None:
        """The row of the topic of this name that was seen last; None before the first."""
        topics = self._ledger.topics
        query = sa.select(topics).where(topics.c.name == name)
        query = query.order_by(topics.c.seen_at.desc()).limit(1)
        return connection.execute(query).mappings().first()

    def places(self, connection: Connection, topic_id: str) -> list[StoredPlace]:
        """How far each partition of a topic is stored, in order."""
        partitions = self._ledger.partitions
        query = sa.select(partitions).where(partitions.c.topic_id == topic_id)
        rows = connection.execute(query.order_by(partitions.c.partition)).mappings()
        return [
            StoredPlace(row["partition"], row["next_offset"], idle=row.get("idle", False))
            for row in rows
        ]

    def counts(
        self, connection: Connection, topic_id: str, tenant: str | None = None
    ) -> Counter[str]:
        """Records by outcome, of all tenants or of one; 0 of an outcome that never was.

        One row for each tenant and outcome is read, not the records.
        """
        columns = self._ledger.counts.c
        query = sa.select(columns.outcome, columns.records).where(columns.topic_id == topic_id)
        if tenant is not None:
            query = query.where(columns.tenant == tenant)
        found: Counter[str] = Counter()
        for outcome, records in connection.execute(query):
            found[outcome] += records
        return found
