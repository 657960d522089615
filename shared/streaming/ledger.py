"""What a service has read of its topics: each record once, and how far each partition is stored.

Its tables stand in the service's own metadata, beside what the records became, so that all of a
batch is one transaction. A record is known by (topic id, partition, offset). Rows of the inbox that
are old go, and then the partition's `kept_from` stands for them: below it every record was read, so
that one that comes again, however late, is still known.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Connection

from shared.storage.retention import RetentionSettings, Rule, stored_before


class LedgerRetention(RetentionSettings):
    """How many days are kept: null is for ever.

    `inbox_days`: which records were read, one by one. `dead_letters_days`: the beginnings of those
    that could not be. `delivered_days`, `given_up_days`: messages of the outbox.
    """

    inbox_days: float | None = Field(7.0, gt=0)
    dead_letters_days: float | None = Field(30.0, gt=0)
    delivered_days: float | None = Field(1.0, gt=0)
    given_up_days: float | None = Field(30.0, gt=0)


def inbox_table(metadata: sa.MetaData, *columns: sa.Column[object]) -> sa.Table:
    """Every record that was read, once: `outcome` is the service's word for what became of it."""
    return sa.Table(
        "inbox",
        metadata,
        *_place(),
        sa.Column("outcome", sa.Text),
        sa.Column("stored_at", sa.Float),
        *columns,
    )


def dead_letter_table(metadata: sa.MetaData) -> sa.Table:
    """Every record that could not be read, with the beginning of its value."""
    return sa.Table(
        "dead_letter",
        metadata,
        *_place(),
        sa.Column("reason", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("value", sa.LargeBinary),
        sa.Column("stored_at", sa.Float),
    )


def partition_table(metadata: sa.MetaData, *columns: sa.Column[object]) -> sa.Table:
    """How far each partition is stored; below `kept_from` the inbox's rows are gone."""
    return sa.Table(
        "partition_progress",
        metadata,
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("next_offset", sa.BigInteger),
        sa.Column("end_offset", sa.BigInteger),
        sa.Column("kept_from", sa.BigInteger, server_default=sa.text("0")),
        sa.Column("updated_at", sa.Float),
        *columns,
    )


def topic_table(metadata: sa.MetaData, *columns: sa.Column[object]) -> sa.Table:
    """The topics read so far; of those of one name the last that was seen is the present one."""
    return sa.Table(
        "topic",
        metadata,
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("partitions", sa.Integer),
        sa.Column("seen_at", sa.Float),
        *columns,
    )


@dataclass(frozen=True, slots=True)
class Ledger:
    """Statements on these tables; each runs in the caller's transaction, which has its turn.

    `of_topics` are other tables that have a `topic_id`, whose rows go with their topic's.
    """

    inbox: sa.Table
    dead_letters: sa.Table
    partitions: sa.Table
    topics: sa.Table
    of_topics: tuple[sa.Table, ...] = ()

    def known(
        self, connection: Connection, topic_id: str, places: Iterable[tuple[int, int]]
    ) -> set[tuple[int, int]]:
        """Which of a batch's records (partition, offset) were read before."""
        offsets: dict[int, list[int]] = {}
        for partition, offset in places:
            offsets.setdefault(partition, []).append(offset)
        kept_from = self._kept_from(connection, topic_id)
        found: set[tuple[int, int]] = set()
        for partition, some in offsets.items():
            # One range for each partition, of which the primary key is an index.
            query = sa.select(self.inbox.c.offset).where(
                *_of_partition(self.inbox, topic_id, partition),
                self.inbox.c.offset.between(min(some), max(some)),
            )
            found.update((partition, one) for one in connection.execute(query).scalars())
            least = kept_from.get(partition, 0)
            found.update((partition, one) for one in some if one < least)
        return found

    def rules(self, settings: LedgerRetention) -> list[Rule]:
        """What of the ledger goes, and when."""
        return [
            Rule("inbox", settings.inbox_days, self._delete_inbox),
            Rule("topic", settings.inbox_days, self._delete_topics),
            Rule(
                "dead_letter",
                settings.dead_letters_days,
                stored_before(self.dead_letters, self.dead_letters.c.stored_at),
            ),
        ]

    def _kept_from(self, connection: Connection, topic_id: str) -> dict[int, int]:
        columns = self.partitions.c
        query = sa.select(columns.partition, columns.kept_from)
        return dict(iter(connection.execute(query.where(columns.topic_id == topic_id))))

    def _delete_inbox(self, connection: Connection, before_s: float, limit: int) -> int:
        """From the lowest offset of each partition on, up to the first row that is young."""
        columns = self.partitions.c
        deleted = 0
        for place in connection.execute(sa.select(columns.topic_id, columns.partition)).all():
            mine = _of_partition(self.inbox, place.topic_id, place.partition)
            query = sa.select(self.inbox.c.offset, self.inbox.c.stored_at).where(*mine)
            query = query.order_by(self.inbox.c.offset).limit(limit - deleted)
            last: int | None = None
            for offset, stored_at in connection.execute(query):
                if stored_at >= before_s:
                    break
                last = offset
                deleted += 1
            if last is None:
                continue
            connection.execute(self.inbox.delete().where(*mine, self.inbox.c.offset <= last))
            moved = self.partitions.update().where(
                *_of_partition(self.partitions, place.topic_id, place.partition)
            )
            connection.execute(moved.values(kept_from=last + 1))
            if deleted >= limit:
                break
        return deleted

    def _delete_topics(self, connection: Connection, before_s: float, limit: int) -> int:
        """Topics that another one of their name has followed, when nothing of them is left."""
        topics, newer = self.topics, self.topics.alias("newer")
        used = [
            sa.exists().where(table.c.topic_id == topics.c.topic_id, *young)
            for table, young in (
                (self.inbox, ()),
                (self.dead_letters, ()),
                (self.partitions, (self.partitions.c.updated_at >= before_s,)),
            )
        ]
        followed = sa.exists().where(
            newer.c.name == topics.c.name, newer.c.seen_at > topics.c.seen_at
        )
        query = sa.select(topics.c.topic_id).where(followed, ~sa.or_(*used)).limit(limit)
        old = list(connection.execute(query).scalars())
        for table in (*self.of_topics, self.partitions, self.topics):
            connection.execute(table.delete().where(table.c.topic_id.in_(old)))
        return len(old)


def _place() -> list[sa.Column[object]]:
    return [
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True),
    ]


def _of_partition(
    table: sa.Table, topic_id: str, partition: int
) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.topic_id == topic_id, table.c.partition == partition
