"""Records are counted by tenant alone: what the partitions counted was the same, once more."""

from shared.streaming.ledger.schema import count_by_tenant_alone

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Moves what no tenant counted, and drops the partitions' counts."""
    count_by_tenant_alone(
        {
            "scored": ("scored",),
            "duplicates": ("duplicate",),
            "conflicts": ("conflict",),
            "dead_letters": ("dead",),
            "late": ("late",),
        }
    )
