"""The language that a team states for a knowledge base."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds it; null where it is taken from the documents."""
    op.add_column("knowledge_base", sa.Column("language", sa.Text))
