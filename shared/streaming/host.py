"""An application's stream in one process: read, stored, and told to others.

No Ray here: the consumer, the producer and the database are given, so a test runs it anywhere.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic

import sqlalchemy as sa

from shared.clock import Clock
from shared.delivery.outbox import Outbox
from shared.delivery.producer import Producer
from shared.delivery.relay import Relay, RelayState, Sink
from shared.delivery.sinks.topic import TopicSink
from shared.errors import DependencyError
from shared.storage.database import Database
from shared.storage.retention import Retention
from shared.streaming.application import Application, DecodedT, GoodT, RecordHandler
from shared.streaming.consumer import Consumer
from shared.streaming.dead_letters import DEAD_LETTERS, DeadLetter, DeadLetterLimit
from shared.streaming.health import StreamState
from shared.streaming.processor import StreamProcessor
from shared.streaming.settings import StreamSettings

LOGGER = logging.getLogger(__name__)

MAX_HEARTBEAT_AGE_S = 20.0
"""How long the owner thread may take for one turn: polls that fail last a few seconds."""

_JOIN_S = 4.0
"""What does not end in time is killed with the process; its batch is read again."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """What a host says of its stream.

    `rate` is in records a second, `topics` the relay to the broker's topics, `sinks` those to
    others, by the sink's name.
    """

    state: StreamState
    rate: float
    topics: RelayState
    sinks: Mapping[str, RelayState] = field(default_factory=dict)

    @property
    def faults(self) -> dict[str, str | None]:
        """What is wrong with the broker, the stream and each sink; None where nothing is."""
        state = self.state
        reason = state.reason or state.phase
        at_broker = reason.startswith(("poll:", "commit:", "read:"))
        running = state.phase == "running"
        return {
            "broker": reason if at_broker and not running else self.topics.error,
            "stream": None if running else f"{state.phase}: {reason}",
            **{
                name: None if sink.error is None else f"{sink.error}; {sink.waiting} wait"
                for name, sink in self.sinks.items()
            },
        }


class Stream(Generic[DecodedT, GoodT]):
    """Owns the threads: the processor's, one for each sink, and one that deletes old rows.

    `topics` are topics of the outbox's messages besides the dead letters'.
    """

    def __init__(
        self,
        application: Application[DecodedT, GoodT],
        settings: StreamSettings,
        *,
        consumer: Consumer,
        producer: Producer,
        database: Database,
        outbox: sa.Table,
        retention: Retention,
        clock: Clock,
        topics: Mapping[str, str] | None = None,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self._clock = clock
        topic_sink = TopicSink(
            {**(topics or {}), DEAD_LETTERS: settings.dead_letters_topic}, producer
        )
        self._topics, *others = (
            Relay(database, Outbox(outbox), sink, settings.relay, clock)
            for sink in (topic_sink, *sinks)
        )
        self._sinks = {sink.names[0]: relay for sink, relay in zip(sinks, others, strict=True)}
        self._relays = (self._topics, *others)
        self._retention = retention
        limit = DeadLetterLimit(settings.max_dead_letters)
        self._handler = RecordHandler(application, clock, self._wake, limit)
        self._processor: StreamProcessor[tuple[GoodT | DeadLetter, ...]] = StreamProcessor(
            consumer, self._handler, clock, settings.processor
        )
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    @property
    def status(self) -> StreamStatus:
        """What it does now; may be read from any thread."""
        sinks = {name: relay.state for name, relay in self._sinks.items()}
        return StreamStatus(self._processor.state, self._handler.rate, self._topics.state, sinks)

    def on_stored(self, wake: Callable[[], None]) -> None:
        """Lets `wake` be called after each batch that is stored, on the thread that stored it."""
        self._handler.on_stored = wake

    def start(self) -> None:
        """Starts all threads."""
        for relay in self._relays:
            relay.start()
        self._retention.start()
        self._thread.start()

    def check_health(self) -> None:
        """Returns if the threads turn; says nothing of the broker, the database or the trunk.

        A stream that stopped for good is healthy: a new process would stop as well.

        Raises:
            DependencyError: a thread has ended or hangs.
        """
        if self._processor.state.phase == "stopped":
            return
        age_s = self._clock.time() - self._processor.heartbeat
        if age_s > MAX_HEARTBEAT_AGE_S:
            raise DependencyError(f"the stream's thread took no turn for {age_s:.0f} s")
        if self._thread.ident is not None and not all(relay.is_alive for relay in self._relays):
            raise DependencyError("a relay's thread has ended")
        if self._thread.ident is not None and not self._retention.is_alive:
            raise DependencyError("the thread that deletes old rows has ended")

    def stop(self) -> None:
        """Ends all threads; what is under way and not stored is read again."""
        self._processor.stop()
        self._handler.stop()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        for relay in self._relays:
            relay.stop(_JOIN_S)
        self._retention.stop(_JOIN_S)

    def _run(self) -> None:
        try:
            self._processor.run()
        except Exception:
            # The edge of the thread: the heartbeat stops with it, and the host is replaced.
            LOGGER.exception("the stream's thread has ended")

    def _wake(self) -> None:
        for relay in self._relays:
            relay.wake()
