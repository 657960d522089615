"""Steps of migrations on a ledger's tables, for the services that have one."""

import sqlalchemy as sa
from alembic import op


def add_retention() -> None:
    """Where a partition's inbox begins, and an index by which old dead letters are found."""
    zero = sa.text("0")
    column = sa.Column("kept_from", sa.BigInteger, nullable=False, server_default=zero)
    op.add_column("partition_progress", column)
    op.create_index("dead_letter_stored", "dead_letter", ["stored_at"])
