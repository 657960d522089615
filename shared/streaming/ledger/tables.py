"""The ledger's tables, which stand in the service's own metadata, beside what the records became.

So all of a batch is one transaction. A record is known by (topic id, partition, offset). Rows of
the inbox that are old go, and then the partition's `kept_from` stands for them: below it every
record was read, so that one that is read again, however late, is still known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

Columns = Sequence[sa.Column[object]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tables of one service.

    - `inbox`: every record that was read, once; `outcome` is the service's word for what became of
      it;
    - `dead_letters`: every record that could not be read, with the beginning of its value;
    - `partitions`: how far each partition is stored; below `kept_from` the inbox's rows are gone;
    - `topics`: the topics read so far; of those of one name the last that was seen is the present
      one;
    - `counts`: each tenant's records by outcome.
    """

    inbox: sa.Table
    dead_letters: sa.Table
    partitions: sa.Table
    topics: sa.Table
    counts: sa.Table


def ledger_tables(
    metadata: sa.MetaData, *, inbox: Columns = (), partitions: Columns = (), topics: Columns = ()
) -> Ledger:
    """A service's tables, with its own columns; its migrations make them (`ledger.schema`)."""
    return Ledger(
        inbox=sa.Table(
            "inbox",
            metadata,
            *_place(),
            sa.Column("outcome", sa.Text),
            sa.Column("stored_at", sa.Float),
            *inbox,
        ),
        dead_letters=sa.Table(
            "dead_letter",
            metadata,
            *_place(),
            sa.Column("reason", sa.Text),
            sa.Column("detail", sa.Text),
            sa.Column("value", sa.LargeBinary),
            sa.Column("stored_at", sa.Float),
        ),
        partitions=sa.Table(
            "partition_progress",
            metadata,
            sa.Column("topic_id", sa.Text, primary_key=True),
            sa.Column("partition", sa.Integer, primary_key=True),
            sa.Column("next_offset", sa.BigInteger),
            sa.Column("end_offset", sa.BigInteger),
            sa.Column("kept_from", sa.BigInteger, server_default=sa.text("0")),
            sa.Column("updated_at", sa.Float),
            *partitions,
        ),
        topics=sa.Table(
            "topic",
            metadata,
            sa.Column("topic_id", sa.Text, primary_key=True),
            sa.Column("name", sa.Text),
            sa.Column("partitions", sa.Integer),
            sa.Column("seen_at", sa.Float),
            *topics,
        ),
        counts=sa.Table(
            "tenant_count",
            metadata,
            sa.Column("topic_id", sa.Text, primary_key=True),
            sa.Column("tenant", sa.Text, primary_key=True),
            sa.Column("outcome", sa.Text, primary_key=True),
            sa.Column("records", sa.BigInteger),
        ),
    )


def of_partition(
    table: sa.Table, topic_id: str, partition: int
) -> tuple[sa.ColumnElement[bool], ...]:
    """A table's rows of one partition."""
    return table.c.topic_id == topic_id, table.c.partition == partition


def _place() -> list[sa.Column[object]]:
    return [
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True),
    ]
