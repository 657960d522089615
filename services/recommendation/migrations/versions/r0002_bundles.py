"""Vectors of several bundles beside each other, and which of them serves."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Keys the vectors by their bundle; the bundle with the most of them serves."""
    op.create_table(
        "serving_bundle",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO serving_bundle (id, bundle, width) "
        "SELECT 1, bundle, max(length(vector)) / 4 FROM item_vector "
        "GROUP BY bundle ORDER BY count(*) DESC, bundle LIMIT 1"
    )
    op.create_table(
        "item_vector_of_bundle",
        sa.Column("bundle", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("item", sa.Text, primary_key=True),
        sa.Column("text_digest", sa.String(32), nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.execute(
        "INSERT INTO item_vector_of_bundle (bundle, tenant, item, text_digest, vector) "
        "SELECT bundle, tenant, item, text_digest, vector FROM item_vector"
    )
    op.drop_table("item_vector")
    op.rename_table("item_vector_of_bundle", "item_vector")
