"""What is done with the records of the topic of behaviour: decoded, then stored."""

from collections.abc import Sequence

from services.recommendation.behaviour import Behaved, Prepared, decode
from services.recommendation.behaviour_store import BehaviourStore
from services.recommendation.payloads import NewEvent
from shared.streaming.application import StoredBatch
from shared.streaming.consumer import StreamProgress
from shared.streaming.message import Record


class BehaviourRecords:
    """`shared.streaming.application.Application` for behaviour."""

    def __init__(self, store: BehaviourStore, *, max_ahead_s: float) -> None:
        self._store = store
        self._max_ahead_s = max_ahead_s

    def decode(self, record: Record, arrived_at: float) -> NewEvent:
        """See `services.recommendation.behaviour.decode`.

        Raises:
            DecodeError: the record cannot be used.
        """
        return decode(record, arrived_at=arrived_at, max_ahead_s=self._max_ahead_s)

    def complete(self, decoded: Sequence[tuple[Record, NewEvent]]) -> list[Behaved]:
        """The events with their records: nobody is asked."""
        return [Behaved(record, event) for record, event in decoded]

    def store(self, prepared: Sequence[Prepared], progress: StreamProgress) -> StoredBatch:
        """Stores a batch; see `BehaviourStore.store`."""
        return self._store.store(prepared, progress)

    def idle(self, progress: StreamProgress) -> tuple[int, ...]:
        """Notes how far the partitions are."""
        self._store.note(progress)
        return ()

    def check(self) -> None:
        """Decoding needs nothing, and the store says by itself that its database is away."""

    def cancel(self) -> None:
        """Nothing outside is waited for."""
