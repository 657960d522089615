"""Store: one transaction for all that a batch changes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import prometheus_client
import sqlalchemy as sa

from shared.clock import Clock
from shared.delivery.outbox import Message, Outbox
from shared.storage.database import Database
from shared.storage.statements import upsert
from shared.streaming.application import StoredBatch
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import DeadLetter
from shared.streaming.ledger.writer import DEAD, Entry, LedgerWriter, PartitionPlace
from shared.streaming.message import Record
from tests.architecture.votes.tables import LEDGER, OUTBOX, VOTE

RESULTS = "results"
"""The outbox's name of the sink that is told of new votes."""

_DEAD = prometheus_client.Counter(
    "votes_dead_letters", "Votes that could not be read.", ["reason"], registry=None
)


@dataclass(frozen=True, slots=True)
class Vote:
    """A vote, and the record that it came with."""

    record: Record
    choice: str


class VoteStore:
    """Votes in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._outbox = Outbox(OUTBOX)
        self._ledger = LedgerWriter(LEDGER, self._outbox, PartitionPlace, _DEAD)

    def store(self, items: Sequence[Vote | DeadLetter], progress: StreamProgress) -> StoredBatch:
        """Counts each record once, and tells of it in the same transaction."""
        now_s, topic_id, ledger = self._clock.time(), progress.topic_id, self._ledger
        with self._database.write() as connection:
            fresh = ledger.fresh(connection, topic_id, items)
            votes = [one for one in fresh if isinstance(one, Vote)]
            dead = [one for one in fresh if isinstance(one, DeadLetter)]
            counts = Counter(vote.choice for vote in votes)
            rows = [{"choice": choice, "votes": count} for choice, count in counts.items()]
            upsert(connection, VOTE, rows, added=("votes",))
            messages = [
                Message(RESULTS, f"{topic_id}/{v.record.offset}", v.choice.encode()) for v in votes
            ]
            self._outbox.put(connection, messages, now_s)
            entries = [Entry(vote.record, "counted") for vote in votes]
            entries += [Entry(letter.record, DEAD) for letter in dead]
            ledger.put(connection, topic_id, entries, dead, now_s)
            places = ledger.rows(connection, topic_id)
            for one in fresh:
                ledger.passed(places, one.record)
            ledger.write(connection, progress, places, now_s)
        ledger.report(dead)
        return StoredBatch(len(fresh), len(messages) + len(dead))

    def counted(self) -> dict[str, int]:
        """Votes by choice."""
        with self._database.read() as connection:
            return {row.choice: row.votes for row in connection.execute(sa.select(VOTE))}
