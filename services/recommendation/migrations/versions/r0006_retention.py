"""Where each partition's inbox begins, and an index by which old dead letters are found."""

from shared.streaming.ledger.schema import add_retention

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the column and the index."""
    add_retention()
