"""Votes, and what every stream has beside its own tables."""

import sqlalchemy as sa
from alembic import op

from shared.delivery.outbox_schema import add_order, create_outbox
from shared.streaming.ledger.schema import add_retention, create_ledger, create_tenant_counts

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates all tables."""
    create_ledger()
    create_tenant_counts()
    add_retention()
    create_outbox()
    add_order()
    op.create_table(
        "vote",
        sa.Column("choice", sa.Text, primary_key=True),
        sa.Column("votes", sa.Integer, nullable=False),
    )
