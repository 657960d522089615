"""What is done with the records of the topic of behaviour: decoded, then stored."""

from collections import deque
from collections.abc import Callable, Sequence

from services.recommendation.behaviour import Behaved, Prepared, decode
from services.recommendation.behaviour_store import BehaviourStore
from services.recommendation.payloads import NewEvent
from shared.clock import Clock
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import DeadLetter, DeadLetterLimit, DecodeError, failed
from shared.streaming.message import Record

_RATE_WINDOW_S = 10.0


class BehaviourHandler:
    """`shared.streaming.processor.Handler` for behaviour.

    `prepare` runs on one thread, `store` and `idle` on another. `on_messages` is called after a
    commit that left something to send.
    """

    def __init__(
        self,
        store: BehaviourStore,
        clock: Clock,
        on_messages: Callable[[], None],
        *,
        max_ahead_s: float,
        max_dead_letters: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_messages = on_messages
        self._max_ahead_s = max_ahead_s
        self._limit = DeadLetterLimit(max_dead_letters)
        self._dead_in_a_row = 0
        self._recent: deque[tuple[float, int]] = deque(maxlen=10_000)

    @property
    def rate(self) -> float:
        """Records stored a second, over the last 10 seconds."""
        since_s = self._clock.monotonic() - _RATE_WINDOW_S
        stored = sum(number for at_s, number in list(self._recent) if at_s > since_s)
        return stored / _RATE_WINDOW_S

    def prepare(self, records: Sequence[Record]) -> tuple[Prepared, ...]:
        """Decodes each record by itself.

        Raises:
            TooManyDeadLettersError: so many records in a row are unusable that the stream stops.
        """
        items: list[Prepared] = []
        in_a_row = self._dead_in_a_row
        for record in records:
            try:
                items.append(Behaved(record, self._decoded(record)))
                in_a_row = 0
            except DecodeError as error:
                items.append(DeadLetter(record, error))
                in_a_row += 1
                self._limit.check(in_a_row, error)
        self._dead_in_a_row = in_a_row
        return tuple(items)

    def _decoded(self, record: Record) -> NewEvent:
        arrived_at = record.arrived_at(self._clock.time())
        return decode(record, arrived_at=arrived_at, max_ahead_s=self._max_ahead_s)

    def store(self, prepared: tuple[Prepared, ...], progress: StreamProgress) -> None:
        """Stores a batch; see `BehaviourStore.store`."""
        batch = self._store.store(prepared, progress)
        self._recent.append((self._clock.monotonic(), len(prepared) - batch.read_before))
        if batch.dead:
            self._on_messages()

    def idle(self, progress: StreamProgress) -> None:
        """Notes how far the partitions are."""
        self._store.note(progress)

    def check(self) -> None:
        """Decoding needs nothing, and the store says by itself that its database is away."""

    def give_up(self, record: Record, error: Exception) -> tuple[Prepared, ...]:
        """The record's dead letter, with the failure as its reason."""
        letter = failed(record, error)
        self._limit.check(self._dead_in_a_row + 1, letter.error)
        self._dead_in_a_row += 1
        return (letter,)
