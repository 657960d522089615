"""Questions that were not answered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates their table; those of a knowledge base that is deleted go with it."""
    op.create_table(
        "unanswered",
        sa.Column("uid", sa.String(32), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column(
            "knowledge_base",
            sa.String(32),
            sa.ForeignKey("knowledge_base.uid", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("earlier", sa.JSON, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("first_asked_at", sa.Float, nullable=False),
        sa.Column("asked_at", sa.Float, nullable=False),
        sa.UniqueConstraint("knowledge_base", "fingerprint"),
    )
    op.create_index("unanswered_asked_at", "unanswered", ["asked_at"])
    op.create_index("unanswered_tenant", "unanswered", ["tenant", "asked_at"])
