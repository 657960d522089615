"""When records arrived, and for how long partitions and topics were silent."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the columns; what is stored had arrived when it was stored."""
    op.add_column(
        "inbox", sa.Column("arrived_at", sa.Float, nullable=False, server_default=sa.text("0"))
    )
    op.execute(sa.text("UPDATE inbox SET arrived_at = stored_at"))
    op.add_column("partition_progress", sa.Column("silent_since", sa.Float))
    op.add_column("partition_progress", sa.Column("silent_until", sa.Float))
    op.add_column("topic", sa.Column("idle_end", sa.Float))
    op.add_column(
        "topic", sa.Column("idle_seconds", sa.Float, nullable=False, server_default=sa.text("0"))
    )
    op.add_column("topic", sa.Column("idle_until", sa.Float))
