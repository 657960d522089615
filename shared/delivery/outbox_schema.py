"""Steps of migrations on an outbox's table, for the services that have one."""

import sqlalchemy as sa
from alembic import op

_OPEN = "delivered_at IS NULL AND given_up_at IS NULL"


def create_outbox(table: str = "outbox") -> None:
    """Makes the table, and an index of what waits."""
    op.create_table(
        table,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("sink", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("ordered_by", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Float, nullable=False),
        sa.Column("delivered_at", sa.Float),
        sa.Column("given_up_at", sa.Float),
        sa.Column("last_error", sa.Text),
        sa.UniqueConstraint("sink", "key"),
    )
    _partial(f"{table}_open", table, ["sink", "given_up_at", "due_at"], "delivered_at IS NULL")


def add_order(table: str = "outbox") -> None:
    """Numbers the messages in the order in which they were put, and indexes what waits.

    `seq` orders the messages of one `ordered_by`; those that are there get theirs by their ids.
    """
    op.add_column(table, sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        f"UPDATE {table} SET seq = numbered.seq FROM "  # noqa: S608
        f"(SELECT id, row_number() OVER (ORDER BY id) AS seq FROM {table}) AS numbered "
        f"WHERE numbered.id = {table}.id"
    )
    op.drop_index(f"{table}_open", table)
    op.create_index(f"{table}_seq", table, ["seq"])
    _partial(f"{table}_open", table, ["sink", "seq", "id"], _OPEN)
    _partial(f"{table}_ordered", table, ["sink", "ordered_by", "seq"], _OPEN)
    _partial(f"{table}_delivered", table, ["delivered_at"], "delivered_at IS NOT NULL")
    _partial(f"{table}_given_up", table, ["sink", "given_up_at"], "given_up_at IS NOT NULL")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
