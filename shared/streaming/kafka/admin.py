"""What a topic is at present: its id, its partitions and their ends, looked at again and again."""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from kafka import KafkaAdminClient
from kafka import TopicPartition as KafkaTopicPartition
from kafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    KafkaError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from shared.errors import DependencyError
from shared.failures import reason_of
from shared.streaming.kafka.client import connection_options, describe, open_client, unavailable
from shared.streaming.settings import KafkaSettings

logger = logging.getLogger(__name__)

_ADMIN_TIMEOUT_MS = 3_000
_EARLIEST = -2
_LATEST = -1
_UNKNOWN_TOPIC = 3
_NO_ID = "00000000-0000-0000-0000-000000000000"
_ANSWER_S = 0.5
"""A look that takes longer than this says that some broker is silent."""

_MAKE_ANEW_AFTER_S = 5.0
"""How long a topic that was there may be missing before it is made: whoever deletes a topic to
recreate it, with other partitions, is to have the time."""

_REFUSED = (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    InvalidTopicError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
)


@dataclass(frozen=True, slots=True)
class TopicView:
    """What a topic was at `taken_at`, when the broker was asked; seconds of `time.monotonic`.

    `starts` is each partition's first offset when it was first looked at, `ends` its next offset, a
    lower bound: the embedded broker names the start of its last batch.
    """

    topic_id: str
    partitions: tuple[int, ...]
    starts: Mapping[int, int]
    ends: Mapping[int, int]
    taken_at: float


class TopicAdmin:
    """Asks for topics and makes them; for one thread. It connects when it is first needed."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._options = connection_options(settings) | {
            "client_id": "banyan-admin",
            "request_timeout_ms": min(settings.request_timeout_ms, _ADMIN_TIMEOUT_MS),
        }
        self._client: KafkaAdminClient | None = None

    def describe(self, topic: str) -> TopicView | None:
        """The topic as it is, without its offsets; None if there is none.

        Raises:
            DependencyError: the broker does not answer, or does not let us look.
        """
        taken_at = time.monotonic()
        try:
            found = self._connected().describe_topics([topic])[0]
        except (KafkaError, OSError) as error:
            raise self._lost(error) from error
        if found["error_code"] == _UNKNOWN_TOPIC:
            return None
        if found["error_code"]:
            reason = describe(for_code(found["error_code"])())
            raise DependencyError(f"the topic {topic!r} cannot be looked at: {reason}")
        topic_id = str(found["topic_id"] or _NO_ID)
        if topic_id == _NO_ID:
            raise DependencyError(
                f"the broker gives the topic {topic!r} no id, without which a topic that was "
                "recreated cannot be told from the one before: use Kafka 2.8 or later"
            )
        partitions = tuple(sorted(p["partition_index"] for p in found["partitions"]))
        return TopicView(topic_id, partitions, {}, {}, taken_at)

    def starts(self, topic: str, partitions: Collection[int]) -> dict[int, int]:
        """The offset of each partition's first record.

        Raises:
            DependencyError: a partition's broker does not answer.
        """
        return self._offsets(topic, partitions, _EARLIEST)

    def ends(self, topic: str, partitions: Collection[int]) -> dict[int, int]:
        """The next offset of each partition.

        Raises:
            DependencyError: a partition's broker does not answer.
        """
        return self._offsets(topic, partitions, _LATEST)

    def _offsets(self, topic: str, partitions: Collection[int], at: int) -> dict[int, int]:
        if not partitions:
            return {}
        wanted = {KafkaTopicPartition(topic, p): at for p in partitions}
        try:
            found = self._connected().list_partition_offsets(wanted, timeout_ms=_ADMIN_TIMEOUT_MS)
        except (KafkaError, OSError) as error:
            raise self._lost(error) from error
        return {place.partition: stamp.offset for place, stamp in found.items()}

    def create(self, topic: str) -> None:
        """Makes a topic as the settings say; one that exists is left as it is.

        Raises:
            DependencyError: the broker refuses, or does not answer.
        """
        settings = self._settings
        wanted = {
            "num_partitions": settings.partitions,
            "replication_factor": settings.replication_factor,
            # When a record arrived is known by the broker's clock alone. The embedded one has none.
            "configs": {"message.timestamp.type": "LogAppendTime"},
        }
        try:
            self._connected().create_topics({topic: wanted}, timeout_ms=_ADMIN_TIMEOUT_MS)
        except TopicAlreadyExistsError:
            return
        except _REFUSED as error:
            raise DependencyError(
                f"the topic {topic!r} does not exist and the broker refuses to make it "
                f"({describe(error)}): make it by hand, with {settings.partitions} partitions or "
                "as many as you like"
            ) from error
        except (KafkaError, OSError) as error:
            raise self._lost(error) from error
        logger.info("made the topic %s with %d partitions", topic, settings.partitions)

    def close(self) -> None:
        """Releases the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> KafkaAdminClient:
        if self._client is None:
            self._client = open_client(KafkaAdminClient, self._options)
        return self._client

    def _lost(self, error: Exception) -> DependencyError:
        return unavailable(error, self._options)


class TopicWatch:
    """Looks at a topic every `check_interval_s` on another thread, and makes it if missing.

    The owner of a stream reads what was seen, so that it never waits for a silent broker. All
    methods may be called from any thread.
    """

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._admin = TopicAdmin(settings)
        self._changed = threading.Condition()
        self._view: TopicView | None = None
        self._error: DependencyError | None = None
        self._asked_at: float | None = None
        self._answered_at = time.monotonic()
        self._hurry = False
        self._closed = False
        # The thread's alone.
        self._was_there = False
        self._missing_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="topic-watch", daemon=True)
        self._thread.start()

    @property
    def view(self) -> TopicView | None:
        """What was seen last; None before the first answer, or while the topic is missing."""
        with self._changed:
            return self._view

    @property
    def answering(self) -> bool:
        """Whether every broker of the topic answered the last look, and none keeps it waiting."""
        with self._changed:
            waiting = self._asked_at is not None and time.monotonic() - self._asked_at > _ANSWER_S
            return self._view is not None and self._error is None and not waiting

    def check(self) -> None:
        """Says why the topic cannot be read, once that has lasted.

        Raises:
            DependencyError: no answer for `unreachable_after_s`, or the topic is missing.
        """
        with self._changed:
            silent_s = time.monotonic() - self._answered_at
            if silent_s < self._settings.unreachable_after_s:
                return
            if self._error is not None:
                raise self._error
            raise DependencyError(
                f"the broker at {self._settings.bootstrap} has not answered for {silent_s:.0f} s"
            )

    def wait_for_view(self, newer_than: float, timeout_s: float) -> TopicView | None:
        """A view whose look began after `newer_than`; None if there is none in time."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._is_newer(newer_than), timeout_s)
            return self._view if self._is_newer(newer_than) else None

    def close(self) -> None:
        """Ends the thread; it may linger for as long as a silent broker keeps it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_ANSWER_S)

    def _is_newer(self, than: float) -> bool:
        return self._view is not None and self._view.taken_at > than

    def _run(self) -> None:
        try:
            while not self._closed:
                self._look()
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._hurry or self._closed, self._settings.check_interval_s
                    )
                    self._hurry = False
        finally:
            self._admin.close()

    def _look(self) -> None:
        with self._changed:
            self._asked_at = time.monotonic()
        try:
            view = self._see_topic()
            with self._changed:
                known = self._view
            if known and known.topic_id == view.topic_id:
                view = replace(view, starts=known.starts, ends=known.ends)
            # Told at once: the offsets may have to wait for a broker that is silent.
            self._tell(view, answered=False)
            new = set(view.partitions) - view.starts.keys()
            starts = {**view.starts, **self._admin.starts(self._topic, new)}
            ends = self._admin.ends(self._topic, view.partitions)
            self._tell(replace(view, starts=starts, ends=ends), answered=True)
        except DependencyError as error:
            self._tell_error(error)
        except Exception as error:
            logger.exception("the look at the topic %s failed", self._topic)
            self._tell_error(DependencyError(f"the topic {self._topic!r}: {reason_of(error)}"))

    def _see_topic(self) -> TopicView:
        view = self._admin.describe(self._topic)
        now = time.monotonic()
        if view is None:
            self._missing_since = self._missing_since or now
            missing_s = now - self._missing_since
            with self._changed:
                self._view = None
            if self._was_there and missing_s < _MAKE_ANEW_AFTER_S:
                raise DependencyError(f"the topic {self._topic!r} does not exist any more")
            self._admin.create(self._topic)
            view = self._admin.describe(self._topic)
        if view is None or not view.partitions:
            raise DependencyError(f"the topic {self._topic!r} was made and is not there yet")
        self._was_there = True
        self._missing_since = None
        return view

    def _tell(self, view: TopicView, *, answered: bool) -> None:
        with self._changed:
            self._view = view
            if answered:
                self._error = None
                self._asked_at = None
                self._answered_at = time.monotonic()
            self._changed.notify_all()

    def _tell_error(self, error: DependencyError) -> None:
        with self._changed:
            self._error = error
            self._asked_at = None
            self._changed.notify_all()
