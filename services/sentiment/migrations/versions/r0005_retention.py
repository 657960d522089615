"""Since when rows are kept, and indexes by which old ones are found."""

import time

import sqlalchemy as sa
from alembic import op

from shared.streaming.ledger.schema import add_retention

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the columns; of windows and baselines that are there, the age counts from now."""
    add_retention()
    now = sa.text(repr(time.time()))
    for table in ("win", "surge"):
        op.add_column(table, sa.Column("stored_at", sa.Float, nullable=False, server_default=now))
    op.create_index("win_stored", "win", ["size_s", "stored_at"])
    op.create_index("surge_stored", "surge", ["stored_at"])
    op.create_index("alert_event_of_alert", "alert_event", ["alert"])
