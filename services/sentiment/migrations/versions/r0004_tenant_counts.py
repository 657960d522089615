"""Each tenant's records by outcome, from the inbox that has them."""

from alembic import op

from shared.streaming.ledger.schema import create_tenant_counts

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the counts of all topics that were read so far."""
    create_tenant_counts()
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
