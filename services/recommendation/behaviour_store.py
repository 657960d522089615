"""The stream's one transaction: everything that a micro-batch changes, or nothing of it.

Inbox, events, items, progress, dead letters and outbox are written together; only then is the
offset committed. A batch that is read again finds its records in the inbox.
"""

from collections.abc import Sequence

from services.recommendation.behaviour import Behaved, Prepared
from services.recommendation.metrics import BEHAVIOUR_DEAD_LETTERS
from services.recommendation.store import FeedbackStore, report
from services.recommendation.tables import LEDGER, OUTBOX
from shared.clock import Clock, SystemClock
from shared.delivery.outbox import Outbox
from shared.storage.database import Database
from shared.streaming.application import StoredBatch
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import DeadLetter
from shared.streaming.ledger.writer import DEAD, Entry, LedgerWriter, PartitionPlace


class BehaviourStore:
    """Writes what the topic brings; every method is one transaction and blocks its thread.

    Raises:
        DependencyError: from every method, where the database does not answer.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._feedback = FeedbackStore(database, self._clock)
        self._ledger = LedgerWriter(LEDGER, Outbox(OUTBOX), PartitionPlace, BEHAVIOUR_DEAD_LETTERS)
        self._noted: StreamProgress | None = None

    def store(self, items: Sequence[Prepared], progress: StreamProgress) -> StoredBatch:
        """Stores a batch of one topic."""
        now_s, topic_id, ledger = self._clock.time(), progress.topic_id, self._ledger
        with self._database.write() as connection:
            self._feedback.take_turn(connection)
            fresh = ledger.fresh(connection, topic_id, items)
            events = [one for one in fresh if isinstance(one, Behaved)]
            dead = [one for one in fresh if isinstance(one, DeadLetter)]
            stored = self._feedback.put(connection, [one.new for one in events])
            entries = [
                Entry(one.record, outcome, one.new.tenant)
                for one, outcome in zip(events, stored.outcomes, strict=True)
            ]
            entries += [Entry(one.record, DEAD) for one in dead]
            ledger.put(connection, topic_id, entries, dead, now_s)
            rows = ledger.rows(connection, topic_id)
            for one in fresh:
                ledger.passed(rows, one.record)
            ledger.note_ends(rows, progress, _quiet(progress))
            ledger.write(connection, progress, rows, now_s)
        report([one.new for one in events], stored)
        ledger.report(dead)
        self._noted = None
        return StoredBatch(len(fresh), len(dead))

    def note(self, progress: StreamProgress) -> None:
        """Stores how far the partitions are where nothing comes."""
        if progress == self._noted:
            return
        with self._database.write() as connection:
            self._feedback.take_turn(connection)
            rows = self._ledger.rows(connection, progress.topic_id)
            self._ledger.note_ends(rows, progress, _quiet(progress))
            self._ledger.write(connection, progress, rows, self._clock.time())
        self._noted = progress


def _quiet(progress: StreamProgress) -> set[int]:
    return {number for number, place in progress.owned.items() if place.caught_up}
