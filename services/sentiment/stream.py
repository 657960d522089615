"""The stream of news in one process: read, judged, stored, and told to others.

No Ray here: the consumer, the trunk and the database are given, so a test runs it anywhere.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from services.sentiment.alertmanager import ALERTS, WEBHOOK
from services.sentiment.analysis import Analyst
from services.sentiment.config import SentimentSettings
from services.sentiment.finder import Finder
from services.sentiment.handler import NewsHandler
from services.sentiment.retention import rules
from services.sentiment.store import NewsStore
from services.sentiment.tables import OUTBOX
from shared.clock import Clock, SystemClock
from shared.delivery.outbox import Outbox
from shared.delivery.producer import Producer
from shared.delivery.relay import Relay, RelayState, Sink
from shared.delivery.sinks.topic import TopicSink
from shared.delivery.sinks.webhook import Webhook
from shared.errors import DependencyError
from shared.http.application import READY
from shared.sentiment.gazetteer import Gazetteer
from shared.sentiment.surge import SurgeDetector
from shared.serving.trunk import Trunk
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
    """What a host says of its stream: `rate` in records a second, and each sink's relay."""

    state: StreamState
    rate: float
    relays: Mapping[str, RelayState]

    @property
    def checks(self) -> dict[str, str]:
        """For readiness: the broker, the stream and the webhook, each ready or the reason."""
        state = self.state
        reason = state.reason or state.phase
        at_broker = reason.startswith(("poll:", "commit:", "read:"))
        running = state.phase == "running"
        topics = self.relays[ALERTS]
        broker = reason if at_broker and not running else topics.error
        checks = {
            "broker": broker or READY,
            "stream": READY if running else f"{state.phase}: {reason}",
        }
        webhook = self.relays.get(WEBHOOK)
        if webhook is None:
            checks["webhook"] = f"{READY}: none is configured"
        elif webhook.error is not None:
            checks["webhook"] = f"{webhook.error}; {webhook.waiting} wait"
        else:
            checks["webhook"] = READY
        return checks


class NewsStream:
    """Owns the threads: the processor's, one for each sink, and one that deletes old rows.

    `loop` runs in another thread, and is where the trunk is called.
    """

    def __init__(
        self,
        settings: SentimentSettings,
        *,
        consumer: Consumer,
        producer: Producer,
        trunk: Trunk,
        database: Database,
        loop: asyncio.AbstractEventLoop,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._clock = clock
        sinks: list[Sink] = [
            TopicSink(
                {ALERTS: settings.alerts_topic, DEAD_LETTERS: settings.dead_letters_topic}, producer
            )
        ]
        if settings.webhook.url is not None:
            sinks.append(Webhook(WEBHOOK, settings.webhook))
        self._relays = [
            Relay(database, Outbox(OUTBOX), sink, settings.relay, clock) for sink in sinks
        ]
        self._names = [sink.names[0] for sink in sinks]
        store = NewsStore(
            database,
            SurgeDetector(settings.surge),
            allowed_lateness_s=settings.allowed_lateness_s,
            max_skew_s=settings.max_skew_s,
            has_webhook=settings.webhook.url is not None,
            clock=clock,
        )
        self._retention = Retention(
            database,
            rules(settings.retention),
            settings.retention,
            take_turn=store.take_turn,
            clock=clock,
        )
        finder = Finder(Gazetteer.load(settings.entities_file))
        analyst = Analyst(trunk, finder, settings.tasks, clock)
        self._handler = NewsHandler(settings, analyst, store, loop, clock, self._wake)
        self._processor = StreamProcessor(consumer, self._handler, clock, settings.processor)
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    @property
    def status(self) -> StreamStatus:
        """What it does now; may be read from any thread."""
        relays = dict(zip(self._names, (relay.state for relay in self._relays), strict=True))
        return StreamStatus(self._processor.state, self._handler.rate, relays)

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
        """Ends all threads; what is under way and not stored comes again."""
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
