"""How old each field of an item is, since events tell of some of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the column; the fields of the rows that are there are all as old as their row."""
    op.add_column(
        "item",
        sa.Column("field_ages", sa.LargeBinary, nullable=False, server_default=sa.text("'{}'")),
    )
