"""Each tenant's records by outcome, as far as the events tell."""

from alembic import op

from shared.streaming.ledger.schema import create_tenant_counts

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the counts of what was stored.

    An event's source begins with its topic's id, a UUID of 36 characters. Of records that were
    repeated or a conflict nothing says whose they were: they are counted from now on.
    """
    create_tenant_counts()
    op.execute(
        "INSERT INTO tenant_count (topic_id, tenant, outcome, records) "
        "SELECT substr(source, 1, 36), tenant, 'stored', count(*) FROM event "
        "WHERE source <> 'http' GROUP BY substr(source, 1, 36), tenant"
    )
