"""Events, the items and vectors that follow from them, and how far the topic is read."""

import sqlalchemy as sa
from alembic import op

from shared.delivery.outbox_schema import create_outbox
from shared.streaming.ledger.schema import create_ledger, outcome_counts

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite keeps a table in the order of its primary key only where that is an INTEGER."""


def upgrade() -> None:
    """Creates all tables."""
    _create_events()
    _create_items()
    create_ledger(
        partitions=outcome_counts("stored", "repeated", "conflicts", "dead_letters"),
    )
    create_outbox()


def _create_events() -> None:
    op.create_table(
        "event",
        sa.Column("stored_seq", _NUMBER, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("stored_at", sa.Float, nullable=False),
        sa.UniqueConstraint("tenant", "id"),
    )
    op.create_index("event_in_time", "event", ["tenant", "timestamp_ms", "stored_seq"])


def _create_items() -> None:
    op.create_table(
        "item",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("item", sa.Text, primary_key=True),
        sa.Column("fields", sa.LargeBinary, nullable=False),
        sa.Column("text_digest", sa.String(32), nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_tie", sa.BigInteger, nullable=False),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("available", sa.Boolean, nullable=False),
    )
    op.create_table(
        "item_vector",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("item", sa.Text, primary_key=True),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("text_digest", sa.String(32), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
