"""Each tenant's records by outcome, from the inbox that has them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the counts of all topics that were read so far."""
    op.create_table(
        "tenant_count",
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("records", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO tenant_count (topic_id, tenant, outcome, records) "
        "SELECT topic_id, tenant, outcome, count(*) FROM inbox WHERE tenant <> '' "
        "GROUP BY topic_id, tenant, outcome"
    )
    op.execute(
        "INSERT INTO tenant_count (topic_id, tenant, outcome, records) "
        "SELECT topic_id, tenant, 'late', count(*) FROM article WHERE late "
        "GROUP BY topic_id, tenant"
    )
