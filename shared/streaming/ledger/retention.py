"""How long what a ledger and its outbox hold is kept."""

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Connection

from shared.delivery.outbox import Outbox
from shared.storage.retention import RetentionSettings, Rule, stored_before
from shared.streaming.ledger.tables import Ledger, of_partition


class LedgerRetention(RetentionSettings):
    """How many days are kept: null is for ever.

    `inbox_days`: which records were read, one by one. `dead_letters_days`: the beginnings of those
    that could not be. `delivered_days`, `given_up_days`: messages of the outbox.
    """

    inbox_days: float | None = Field(7.0, gt=0)
    dead_letters_days: float | None = Field(30.0, gt=0)
    delivered_days: float | None = Field(1.0, gt=0)
    given_up_days: float | None = Field(30.0, gt=0)


def ledger_rules(ledger: Ledger, outbox: sa.Table, settings: LedgerRetention) -> list[Rule]:
    """What of a ledger and its outbox goes, and when."""
    letters = ledger.dead_letters
    delete_letters = stored_before(letters, letters.c.stored_at)

    def delete_inbox(connection: Connection, before_s: float, limit: int) -> int:
        return _delete_inbox(ledger, connection, before_s, limit)

    def delete_topics(connection: Connection, before_s: float, limit: int) -> int:
        return _delete_topics(ledger, connection, before_s, limit)

    return [
        Rule("inbox", settings.inbox_days, delete_inbox),
        Rule("topic", settings.inbox_days, delete_topics),
        Rule("dead_letter", settings.dead_letters_days, delete_letters),
        *Outbox(outbox).rules(settings.delivered_days, settings.given_up_days),
    ]


def _delete_inbox(ledger: Ledger, connection: Connection, before_s: float, limit: int) -> int:
    """From the lowest offset of each partition on, up to the first row that is young."""
    inbox, partitions = ledger.inbox, ledger.partitions
    columns = partitions.c
    deleted = 0
    for place in connection.execute(sa.select(columns.topic_id, columns.partition)).all():
        mine = of_partition(inbox, place.topic_id, place.partition)
        query = sa.select(inbox.c.offset, inbox.c.stored_at).where(*mine)
        query = query.order_by(inbox.c.offset).limit(limit - deleted)
        last: int | None = None
        for offset, stored_at in connection.execute(query):
            if stored_at >= before_s:
                break
            last = offset
            deleted += 1
        if last is None:
            continue
        connection.execute(inbox.delete().where(*mine, inbox.c.offset <= last))
        moved = partitions.update().where(
            *of_partition(partitions, place.topic_id, place.partition)
        )
        connection.execute(moved.values(kept_from=last + 1))
        if deleted >= limit:
            break
    return deleted


def _delete_topics(ledger: Ledger, connection: Connection, before_s: float, limit: int) -> int:
    """Topics that another one of their name has followed, when nothing of them is left."""
    topics, newer = ledger.topics, ledger.topics.alias("newer")
    used = [
        sa.exists().where(table.c.topic_id == topics.c.topic_id, *young)
        for table, young in (
            (ledger.inbox, ()),
            (ledger.dead_letters, ()),
            (ledger.partitions, (ledger.partitions.c.updated_at >= before_s,)),
        )
    ]
    followed = sa.exists().where(newer.c.name == topics.c.name, newer.c.seen_at > topics.c.seen_at)
    query = sa.select(topics.c.topic_id).where(followed, ~sa.or_(*used)).limit(limit)
    old = list(connection.execute(query).scalars())
    for table in (ledger.counts, ledger.partitions, topics):
        connection.execute(table.delete().where(table.c.topic_id.in_(old)))
    return len(old)
