"""The recommendation application's tables; `migrations` makes them.

`timestamp_ms`, `updated_ms` and `first_seen_ms` are milliseconds since the Unix epoch, as events
carry them; other times are Unix seconds. `offset` is a word of SQL: SQLAlchemy quotes it.
"""

import sqlalchemy as sa

from shared.delivery.outbox import outbox_table
from shared.streaming.ledger.tables import ledger_tables

METADATA = sa.MetaData()

EVENT = sa.Table(
    "event",
    METADATA,
    sa.Column("stored_seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.Text),
    sa.Column("id", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("timestamp_ms", sa.BigInteger),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("digest", sa.String(32)),
    sa.Column("source", sa.Text),
    sa.Column("stored_at", sa.Float),
)
"""Every event once, known by (tenant, id); `source` is `http` or a place in a topic.

`stored_seq` counts without gaps in the order of the commits: who has read up to a number has
missed nothing below it. `payload` is what `services.recommendation.payloads` writes.
"""

ITEM = sa.Table(
    "item",
    METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("fields", sa.LargeBinary),
    sa.Column("field_ages", sa.LargeBinary),
    sa.Column("text_digest", sa.String(32)),
    sa.Column("updated_ms", sa.BigInteger),
    sa.Column("updated_tie", sa.BigInteger),
    sa.Column("first_seen_ms", sa.BigInteger),
    sa.Column("available", sa.Boolean),
)
"""Each item as all events tell it; a `text_digest` of '' says that it has no text.

Each field is as the newest event that names it tells it. `field_ages` has `[ms, tie]` of those that
are older than the newest event (`updated_ms`, `updated_tie`), and of those that were removed. Of
events of one millisecond the one with the greater tie counts as newer, as in
`shared.ranking.catalogue`.
"""

ITEM_VECTOR = sa.Table(
    "item_vector",
    METADATA,
    sa.Column("bundle", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("text_digest", sa.String(32)),
    sa.Column("vector", sa.LargeBinary),
)
"""An item's vector: little-endian float32, of the text with this digest, made by this bundle.

While another bundle embeds all items, its vectors stand beside those that serve.
"""

SERVING_BUNDLE = sa.Table(
    "serving_bundle",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bundle", sa.Text),
    sa.Column("width", sa.Integer),
)
"""One row, with the id 1: the bundle whose vectors serve, of all tenants, and their width."""

LEDGER = ledger_tables(METADATA)
"""What was read of the topics; an outcome is one of `EventOutcome`, or that of a dead letter."""

OUTBOX = outbox_table(METADATA)
