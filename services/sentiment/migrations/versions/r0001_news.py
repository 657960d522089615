"""News, its scores and windows, alerts and what has to be sent of them."""

import sqlalchemy as sa
from alembic import op

from shared.delivery.outbox_schema import create_outbox
from shared.streaming.ledger.schema import create_ledger, outcome_counts

revision = "0001"
down_revision = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite counts a primary key up by itself only where it is an INTEGER."""


def upgrade() -> None:
    """Creates all tables."""
    _create_records()
    _create_scores()
    _create_alerts()
    create_outbox()


def _create_records() -> None:
    create_ledger(
        inbox=[
            sa.Column("tenant", sa.Text, nullable=False),
            sa.Column("article", sa.String(32)),
        ],
        partitions=[
            sa.Column("max_event_time", sa.Float),
            sa.Column("idle", sa.Boolean, nullable=False),
            *outcome_counts("scored", "duplicates", "conflicts", "dead_letters", "late"),
        ],
        topics=[
            sa.Column("watermark", sa.Float),
            sa.Column("inclusive", sa.Boolean, nullable=False),
        ],
    )


def _create_scores() -> None:
    op.create_table(
        "article",
        sa.Column("uid", sa.String(32), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("published_at", sa.Float, nullable=False),
        sa.Column("effective_at", sa.Float, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("topic_id", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        *_score(),
        sa.UniqueConstraint("tenant", "id"),
    )
    op.create_table(
        "mention",
        sa.Column("article", sa.String(32), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("entity", sa.Text, primary_key=True),
        sa.Column("start", sa.Integer),
        sa.Column("end", sa.Integer),
        *_score(),
        sa.Column("effective_at", sa.Float, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("applied", sa.Boolean, nullable=False),
    )
    op.create_index(
        "mention_unapplied",
        "mention",
        ["effective_at", "partition", "offset", "entity", "article"],
        sqlite_where=sa.text("applied = 0"),
        postgresql_where=sa.text("NOT applied"),
    )
    op.create_table(
        "win",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("entity", sa.Text, primary_key=True),
        sa.Column("size_s", sa.Integer, primary_key=True),
        sa.Column("start_s", sa.BigInteger, primary_key=True),
        sa.Column("negative", sa.Integer, nullable=False),
        sa.Column("neutral", sa.Integer, nullable=False),
        sa.Column("positive", sa.Integer, nullable=False),
        sa.Column("late", sa.Integer, nullable=False),
    )


def _create_alerts() -> None:
    op.create_table(
        "surge",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("entity", sa.Text, primary_key=True),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
    )
    op.create_index(
        "surge_active",
        "surge",
        ["tenant", "entity"],
        sqlite_where=sa.text("active = 1"),
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "alert",
        sa.Column("uid", sa.String(32), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("episode_start", sa.Float, nullable=False),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("fired_at", sa.Float),
        sa.Column("resolved_at", sa.Float),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("drivers", sa.JSON, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("fingerprint", "episode_start"),
    )
    op.create_index("alert_of_tenant", "alert", ["tenant", "started_at"])
    op.create_table(
        "alert_event",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("alert", sa.String(32), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("payload", sa.JSON, nullable=False),
        # Else SQLite may give the number of a deleted last row again.
        sqlite_autoincrement=True,
    )
    op.create_index("alert_event_of_tenant", "alert_event", ["tenant", "seq"])


def _score() -> tuple[sa.Column[str] | sa.Column[float], ...]:
    return (
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("negative", sa.Float, nullable=False),
        sa.Column("neutral", sa.Float, nullable=False),
        sa.Column("positive", sa.Float, nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
    )
