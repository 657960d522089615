"""The sentiment application's tables; `migrations` makes them.

Times are Unix seconds. `offset`, `start` and `end` are words of SQL: SQLAlchemy quotes them.
"""

import sqlalchemy as sa

from shared.delivery.outbox import outbox_table
from shared.streaming.ledger.tables import ledger_tables

METADATA = sa.MetaData()

LEDGER = ledger_tables(
    METADATA,
    inbox=[
        sa.Column("tenant", sa.Text),
        sa.Column("article", sa.String(32)),
        sa.Column("arrived_at", sa.Float),
    ],
    partitions=[
        sa.Column("max_event_time", sa.Float),
        sa.Column("idle", sa.Boolean),
        sa.Column("silent_since", sa.Float),
        sa.Column("silent_until", sa.Float),
    ],
    topics=[
        sa.Column("watermark", sa.Float),
        sa.Column("inclusive", sa.Boolean),
        sa.Column("idle_end", sa.Float),
        sa.Column("idle_seconds", sa.Float),
        sa.Column("idle_until", sa.Float),
    ],
)
"""What was read of the topics; an outcome is one of `RecordOutcome`.

A record's `arrived_at` is what bounded its effective time: the broker's time of appending it, or
`stored_at`. A topic's `watermark` is that of the records, `idle_*` the `IdleTime` since the newest
of them.
"""

ARTICLE = sa.Table(
    "article",
    METADATA,
    sa.Column("uid", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("id", sa.Text),
    sa.Column("source", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("published_at", sa.Float),
    sa.Column("effective_at", sa.Float),
    sa.Column("late", sa.Boolean),
    sa.Column("topic_id", sa.Text),
    sa.Column("partition", sa.Integer),
    sa.Column("offset", sa.BigInteger),
    sa.Column("label", sa.Text),
    sa.Column("negative", sa.Float),
    sa.Column("neutral", sa.Float),
    sa.Column("positive", sa.Float),
    sa.Column("bundle", sa.Text),
)
"""Every text that was scored, with the score of the whole."""

MENTION = sa.Table(
    "mention",
    METADATA,
    sa.Column("article", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("start", sa.Integer),
    sa.Column("end", sa.Integer),
    sa.Column("label", sa.Text),
    sa.Column("negative", sa.Float),
    sa.Column("neutral", sa.Float),
    sa.Column("positive", sa.Float),
    sa.Column("bundle", sa.Text),
    sa.Column("effective_at", sa.Float),
    sa.Column("partition", sa.Integer),
    sa.Column("offset", sa.BigInteger),
    sa.Column("applied", sa.Boolean),
)
"""What a text says of an entity.

`applied`: the surge detector has read it, or never will because it came late.
"""

WINDOW = sa.Table(
    "win",
    METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("size_s", sa.Integer, primary_key=True),
    sa.Column("start_s", sa.BigInteger, primary_key=True),
    sa.Column("negative", sa.Integer),
    sa.Column("neutral", sa.Integer),
    sa.Column("positive", sa.Integer),
    sa.Column("late", sa.Integer),
    sa.Column("stored_at", sa.Float),
)
"""Counts of each window of event time; `late` of them came after the allowed lateness.

`stored_at` is when its first text was stored: windows of old news are as young as their news.
"""

SURGE = sa.Table(
    "surge",
    METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("state", sa.JSON),
    sa.Column("active", sa.Boolean),
    sa.Column("stored_at", sa.Float),
)
"""The surge detector's state of each entity; an `active` one has timers that run.

`stored_at` is when it was last written.
"""

ALERT = sa.Table(
    "alert",
    METADATA,
    sa.Column("uid", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("fingerprint", sa.Text),
    sa.Column("episode_start", sa.Float),
    sa.Column("entity", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("started_at", sa.Float),
    sa.Column("fired_at", sa.Float),
    sa.Column("resolved_at", sa.Float),
    sa.Column("figures", sa.JSON),
    sa.Column("drivers", sa.JSON),
    sa.Column("version", sa.BigInteger),
)
"""One row for each episode; `version` counts its changes."""

ALERT_EVENT = sa.Table(
    "alert_event",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("tenant", sa.Text),
    sa.Column("alert", sa.String(32)),
    sa.Column("state", sa.Text),
    sa.Column("at", sa.Float),
    sa.Column("payload", sa.JSON),
)
"""Every change of an alert, in order: server-sent events are read from here."""

OUTBOX = outbox_table(METADATA)
