"""The tables: the ledger and the outbox that every stream has, and the application's own."""

import sqlalchemy as sa

from shared.delivery.outbox import outbox_table
from shared.streaming.ledger.tables import ledger_tables

_METADATA = sa.MetaData()

LEDGER = ledger_tables(_METADATA)
OUTBOX = outbox_table(_METADATA)
VOTE = sa.Table(
    "vote",
    _METADATA,
    sa.Column("choice", sa.Text, primary_key=True),
    sa.Column("votes", sa.Integer),
)
