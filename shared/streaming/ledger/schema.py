"""Steps of migrations on a ledger's tables, for the services that have one.

A step that has been released never changes what it does: databases of that version went through it.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from alembic import op

Columns = Sequence[sa.Column[object]]


def create_ledger(*, inbox: Columns = (), partitions: Columns = (), topics: Columns = ()) -> None:
    """Makes all tables but the tenants' counts, with the service's own columns."""
    op.create_table(
        "topic",
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("partitions", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        *topics,
    )
    op.create_table(
        "partition_progress",
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("end_offset", sa.BigInteger, nullable=False),
        *partitions,
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    op.create_table(
        "inbox",
        *_place(),
        *inbox,
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("stored_at", sa.Float, nullable=False),
    )
    op.create_table(
        "dead_letter",
        *_place(),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary),
        sa.Column("stored_at", sa.Float, nullable=False),
    )


def outcome_counts(*names: str) -> list[sa.Column[object]]:
    """A partition's counts of outcomes, as `create_ledger` took them at first."""
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def create_tenant_counts() -> None:
    """Makes the table of each tenant's records by outcome, empty."""
    op.create_table(
        "tenant_count",
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("records", sa.BigInteger, nullable=False),
    )


def add_retention() -> None:
    """Where a partition's inbox begins, and an index by which old dead letters are found."""
    zero = sa.text("0")
    column = sa.Column("kept_from", sa.BigInteger, nullable=False, server_default=zero)
    op.add_column("partition_progress", column)
    op.create_index("dead_letter_stored", "dead_letter", ["stored_at"])


def count_by_tenant_alone(outcomes: Mapping[str, Sequence[str]]) -> None:
    """Lets the tenants' counts be all there are; `outcomes` are theirs by a partition's column.

    What the partitions counted and no tenant did (dead letters, and what was read before tenants
    were counted) becomes nobody's, as the first of the outcomes.
    """
    for column, names in outcomes.items():
        counted = ", ".join(f"'{name}'" for name in names)
        op.execute(
            "INSERT INTO tenant_count (topic_id, tenant, outcome, records) "  # noqa: S608
            f"SELECT topic_id, '', '{names[0]}', missing FROM (SELECT p.topic_id AS topic_id, "
            f"sum(p.{column}) - coalesce((SELECT sum(t.records) FROM tenant_count AS t "
            f"WHERE t.topic_id = p.topic_id AND t.outcome IN ({counted})), 0) AS missing "
            "FROM partition_progress AS p GROUP BY p.topic_id) AS counted WHERE missing <> 0"
        )
        op.drop_column("partition_progress", column)


def _place() -> list[sa.Column[object]]:
    return [
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("offset", sa.BigInteger, primary_key=True),
    ]
