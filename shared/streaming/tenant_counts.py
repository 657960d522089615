"""What became of each tenant's records of a topic, counted in the transaction that stores them.

A tenant's figures are read from a row for each outcome, not from its records.
"""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from shared.storage.statements import upsert


def tenant_count_table(metadata: sa.MetaData) -> sa.Table:
    """The table of a service's counts; its migration makes it."""
    return sa.Table(
        "tenant_count",
        metadata,
        sa.Column("topic_id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("records", sa.BigInteger),
    )


class TenantCounts:
    """Adds to the counts and reads them, in the caller's transaction."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table

    def add(
        self, connection: Connection, topic_id: str, counts: Mapping[tuple[str, str], int]
    ) -> None:
        """Adds what a batch brought: records by tenant and outcome."""
        rows = [
            {"topic_id": topic_id, "tenant": tenant, "outcome": outcome, "records": records}
            # In one order for all writers, so that none waits for the other in a ring.
            for (tenant, outcome), records in sorted(counts.items())
        ]
        upsert(connection, self._table, rows, added=("records",))

    def of(self, connection: Connection, topic_id: str, tenant: str) -> dict[str, int]:
        """A tenant's records by outcome; an outcome that never was is missing."""
        columns = self._table.c
        query = sa.select(columns.outcome, columns.records).where(
            columns.topic_id == topic_id, columns.tenant == tenant
        )
        return {row.outcome: row.records for row in connection.execute(query)}
