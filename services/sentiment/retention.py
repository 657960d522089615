"""How long what the stream stores is kept, and what never goes however old it is."""

from collections.abc import Sequence

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Connection

from services.sentiment.tables import (
    ALERT,
    ALERT_EVENT,
    ARTICLE,
    LEDGER,
    MENTION,
    OUTBOX,
    SURGE,
    WINDOW,
)
from shared.sentiment.windows import WINDOWS_S
from shared.storage.identifiers import first_id_at
from shared.storage.retention import Rule, delete_rows, stored_before
from shared.storage.statements import chunks
from shared.streaming.ledger.retention import LedgerRetention, ledger_rules

_SHORT_S = min(WINDOWS_S)


class NewsRetention(LedgerRetention):
    """How many days are kept, counted from when a row was stored: null is for ever.

    `articles_days`: texts with their scores and mentions; until then a second text of the same id
    is known. `windows_days`: counts of 5 minutes. `trends_days`: counts of an hour and of a day.
    `alerts_days`: alerts with their events, counted from the resolution if that is later.
    `entities_days`: the baseline of an entity that nobody names any more.
    """

    articles_days: float | None = Field(90.0, gt=0)
    windows_days: float | None = Field(90.0, gt=0)
    trends_days: float | None = Field(730.0, gt=0)
    alerts_days: float | None = Field(365.0, gt=0)
    entities_days: float | None = Field(365.0, gt=0)


def rules(settings: NewsRetention) -> list[Rule]:
    """All that grows with the news, but for names of topics and tenants."""
    windows = [
        Rule(
            f"window_{size_s // 60}min",
            settings.windows_days if size_s == _SHORT_S else settings.trends_days,
            stored_before(WINDOW, WINDOW.c.stored_at, WINDOW.c.size_s == size_s),
        )
        for size_s in WINDOWS_S
    ]
    return [
        *ledger_rules(LEDGER, OUTBOX, settings),
        Rule("article", settings.articles_days, _delete_articles),
        *windows,
        Rule("alert", settings.alerts_days, _delete_alerts),
        Rule(
            "entity",
            settings.entities_days,
            stored_before(SURGE, SURGE.c.stored_at, ~SURGE.c.active),
        ),
    ]


def _delete_articles(connection: Connection, before_s: float, limit: int) -> int:
    """With their mentions; none of which the detector has a mention still to read."""
    waits = sa.exists().where(MENTION.c.article == ARTICLE.c.uid, ~MENTION.c.applied)
    query = sa.select(ARTICLE.c.uid).where(ARTICLE.c.uid < first_id_at(before_s), ~waits)
    keys = connection.execute(query.order_by(ARTICLE.c.uid).limit(limit)).all()
    _delete_of(connection, MENTION.c.article, [key.uid for key in keys])
    delete_rows(connection, ARTICLE, keys)
    return len(keys)


def _delete_alerts(connection: Connection, before_s: float, limit: int) -> int:
    """With their events; one that is pending or firing stays."""
    columns = ALERT.c
    query = sa.select(columns.uid).where(
        columns.uid < first_id_at(before_s),
        columns.state == "resolved",
        columns.resolved_at < before_s,
    )
    keys = connection.execute(query.order_by(columns.uid).limit(limit)).all()
    _delete_of(connection, ALERT_EVENT.c.alert, [key.uid for key in keys])
    delete_rows(connection, ALERT, keys)
    return len(keys)


def _delete_of(connection: Connection, column: sa.Column[str], uids: Sequence[str]) -> None:
    for part in chunks(uids):
        connection.execute(sa.delete(column.table).where(column.in_(part)))
