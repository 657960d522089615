"""How long what the application stores is kept."""

from collections.abc import Callable

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy import Connection

from services.recommendation.tables import EVENT, LEDGER, OUTBOX
from shared.storage.retention import Delete, Rule
from shared.streaming.ledger.retention import LedgerRetention, ledger_rules


class BehaviourRetention(LedgerRetention):
    """How many days are kept, counted from when a row was stored: null is for ever.

    `events_days`: events of people and items. Until then an id is known as a duplicate, and
    training learns from the event. What items are stays, and so does what rankings made of it.
    """

    events_days: float | None = Field(730.0, gt=0)


def rules(settings: BehaviourRetention) -> list[Rule]:
    """What the topic brings, but for the events themselves."""
    return ledger_rules(LEDGER, OUTBOX, settings)


def event_rule(settings: BehaviourRetention, saved_seq: Callable[[], int]) -> Rule:
    """The events; `saved_seq` is the number of the last one that is in a snapshot on disk.

    Only older ones go: a process that starts has the snapshot and every event after it.
    """
    return Rule("event", settings.events_days, _delete_events(saved_seq))


def _delete_events(saved_seq: Callable[[], int]) -> Delete:
    columns = EVENT.c

    def delete(connection: Connection, before_s: float, limit: int) -> int:
        # In the order in which they were stored, up to the first one that is young.
        query = sa.select(columns.stored_seq, columns.stored_at)
        query = query.where(columns.stored_seq < saved_seq()).order_by(columns.stored_seq)
        keys = []
        for row in connection.execute(query.limit(limit)):
            if row.stored_at >= before_s:
                break
            keys.append(row.stored_seq)
        if keys:
            connection.execute(EVENT.delete().where(columns.stored_seq <= keys[-1]))
        return len(keys)

    return delete
