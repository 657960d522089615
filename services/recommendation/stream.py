"""The stream of behaviour in one process: read, stored, and its dead letters passed on.

No Ray here: the consumer and the database are given, so a test runs it anywhere.
"""

import logging
import threading
from dataclasses import dataclass

from services.recommendation.behaviour_store import BehaviourStore
from services.recommendation.config import RecommendationSettings
from services.recommendation.handler import BehaviourHandler
from services.recommendation.retention import rules
from services.recommendation.store import FeedbackStore
from services.recommendation.tables import OUTBOX
from shared.clock import Clock, SystemClock
from shared.delivery.outbox import Outbox
from shared.delivery.producer import Producer
from shared.delivery.relay import Relay, RelayState
from shared.delivery.sinks.topic import TopicSink
from shared.errors import DependencyError
from shared.http.application import READY
from shared.storage.database import Database
from shared.storage.retention import Retention
from shared.streaming.consumer import Consumer
from shared.streaming.dead_letters import DEAD_LETTERS
from shared.streaming.health import StreamState
from shared.streaming.processor import StreamProcessor

LOGGER = logging.getLogger(__name__)

MAX_HEARTBEAT_AGE_S = 20.0
"""How long the owner thread may take for one turn: polls that fail last a few seconds."""

_JOIN_S = 4.0
"""What does not end in time is killed with the process; its batch comes again."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """What a host says of its stream: `rate` in records a second, and the dead letters' relay."""

    state: StreamState
    rate: float
    relay: RelayState

    @property
    def checks(self) -> dict[str, str]:
        """For readiness: the broker and the stream, each ready or the reason."""
        state = self.state
        reason = state.reason or state.phase
        at_broker = reason.startswith(("poll:", "commit:", "read:"))
        running = state.phase == "running"
        broker = reason if at_broker and not running else self.relay.error
        return {
            "broker": broker or READY,
            "stream": READY if running else f"{state.phase}: {reason}",
        }


class BehaviourStream:
    """Owns the threads: the processor's, the relay's, and one that deletes old rows."""

    def __init__(
        self,
        settings: RecommendationSettings,
        *,
        consumer: Consumer,
        producer: Producer,
        database: Database,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._clock = clock
        sink = TopicSink({DEAD_LETTERS: settings.dead_letters_topic}, producer)
        self._relay = Relay(database, Outbox(OUTBOX), sink, settings.relay, clock)
        self._retention = Retention(
            database,
            rules(settings.retention),
            settings.retention,
            take_turn=FeedbackStore(database, clock).take_turn,
            clock=clock,
        )
        self._handler = BehaviourHandler(
            BehaviourStore(database, clock),
            clock,
            self._relay.wake,
            max_ahead_s=settings.max_ahead_s,
            max_dead_letters=settings.max_dead_letters,
        )
        self._processor = StreamProcessor(consumer, self._handler, clock, settings.processor)
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    @property
    def status(self) -> StreamStatus:
        """What it does now; may be read from any thread."""
        return StreamStatus(self._processor.state, self._handler.rate, self._relay.state)

    def start(self) -> None:
        """Starts all threads."""
        self._relay.start()
        self._retention.start()
        self._thread.start()

    def check_health(self) -> None:
        """Returns if the threads turn; says nothing of the broker or the database.

        A stream that stopped for good is healthy: a new process would stop as well.

        Raises:
            DependencyError: a thread has ended or hangs.
        """
        if self._processor.state.phase == "stopped":
            return
        age_s = self._clock.time() - self._processor.heartbeat
        if age_s > MAX_HEARTBEAT_AGE_S:
            raise DependencyError(f"the stream's thread took no turn for {age_s:.0f} s")
        if self._thread.ident is not None and not self._relay.is_alive:
            raise DependencyError("the relay's thread has ended")
        if self._thread.ident is not None and not self._retention.is_alive:
            raise DependencyError("the thread that deletes old rows has ended")

    def stop(self) -> None:
        """Ends all threads; what is under way and not stored comes again."""
        self._processor.stop()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        self._relay.stop(_JOIN_S)
        self._retention.stop(_JOIN_S)

    def _run(self) -> None:
        try:
            self._processor.run()
        except Exception:
            # The edge of the thread: the heartbeat stops with it, and the host is replaced.
            LOGGER.exception("the stream's thread has ended")
