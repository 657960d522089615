"""Records are counted by tenant alone: what the partitions counted was the same, once more."""

from shared.streaming.ledger.schema import count_by_tenant_alone

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Moves what no tenant counted, and drops the partitions' counts."""
    count_by_tenant_alone(
        {
            "stored": ("stored", "unchanged", "older"),
            "repeated": ("repeated",),
            "conflicts": ("conflict",),
            "dead_letters": ("dead",),
        }
    )
