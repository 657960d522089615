"""The owner of a stream: polls, has batches prepared and stored in order, commits what is stored.

    owner thread    poll -> buffer ................................................ commit
    prepare thread           buffer -> Handler.prepare (decode, encode)
    store thread                              Handler.store (one transaction)

The next batch is prepared while the one before is stored. The owner does nothing slow, so the
group never takes this member for dead; while a step fails, it goes on polling, paused. Nothing is
ever skipped: a batch is tried until it is stored, or until the stream is stopped.
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from shared.clock import Clock
from shared.errors import DeadlineError, DependencyError, OverloadedError
from shared.streaming.consumer import Consumer, StreamProgress
from shared.streaming.dead_letters import TooManyDeadLettersError
from shared.streaming.message import Record, TopicPartition
from shared.streaming.settings import ProcessorSettings
from shared.telemetry import STREAM_LAG, STREAM_PHASE, STREAM_POLL_ERRORS

logger = logging.getLogger(__name__)

PreparedT = TypeVar("PreparedT")
ResultT = TypeVar("ResultT")
Phase = Literal["starting", "running", "waiting", "failing", "stopped"]
PHASES: tuple[Phase, ...] = ("starting", "running", "waiting", "failing", "stopped")

_BUSY_POLL_S = 0.05
"""How long a poll may wait for records while a batch is under way, whose commit waits for it."""


_FULL_WAIT_S = 0.1
"""How long the owner waits for room in its buffer before it pauses and polls."""

_COMMIT_INTERVAL_S = 0.1
"""Offsets are committed at most this often; what is stored and not committed comes again, once."""

_OUTSIDE = (DependencyError, OverloadedError, DeadlineError)
"""What a step raises while something outside does not answer."""


class Handler(Protocol[PreparedT]):
    """What an application does with records; no method is called twice at the same time.

    `prepare` runs on one thread and `store` and `idle` on another, each in the order of the log.
    What fails is called again with the same records, so each leaves nothing behind when it raises.
    """

    def prepare(self, records: Sequence[Record]) -> PreparedT:
        """Decodes and encodes; slow, without effect.

        Raises:
            TooManyDeadLettersError: stops the stream for good; anything else is tried again.
        """

    def store(self, prepared: PreparedT, progress: StreamProgress) -> None:
        """Makes a batch's effect lasting, in one transaction.

        Records may come a second time, after a kill or a rebalance: their identity says so.
        `progress` is as of this batch: its positions are the offsets after it.
        """

    def idle(self, progress: StreamProgress) -> None:
        """Called when everything that was polled is stored and nothing came for a while."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream is doing: `reason` is its last error while it does not run; Unix seconds.

    `waiting` is for something outside (broker, database, trunk) to come back, `failing` for a
    fault of the handler; both go on by themselves. `heartbeat` is the owner's last turn.
    """

    phase: Phase
    reason: str | None
    since: float
    heartbeat: float


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records of one topic id, and the progress after them."""

    records: tuple[Record, ...]
    progress: StreamProgress


@dataclass(frozen=True, slots=True)
class _Prepared(Generic[PreparedT]):
    batch: _Batch
    result: PreparedT


@dataclass(frozen=True, slots=True)
class _Idle:
    progress: StreamProgress


@dataclass(frozen=True, slots=True)
class _Trouble:
    phase: Phase
    reason: str
    since: float


class _StopRequested(Exception):
    """Ends a stage's wait for its next try."""


class StreamProcessor(Generic[PreparedT]):
    """Runs a handler on a topic; see the module's docstring for what runs where."""

    def __init__(
        self,
        consumer: Consumer,
        handler: Handler[PreparedT],
        clock: Clock,
        settings: ProcessorSettings,
    ) -> None:
        self._consumer = consumer
        self._handler = handler
        self._clock = clock
        self._settings = settings
        self._stopping = threading.Event()
        # Guards all that the threads share; notified at every change.
        self._changed = threading.Condition()
        self._buffer: deque[_Batch] = deque()
        self._buffered_records = 0
        self._buffered_bytes = 0
        self._preparing = False
        self._next_job: _Prepared[PreparedT] | _Idle | None = None
        self._storing = False
        self._stored: deque[_Batch] = deque()
        self._troubles: dict[str, _Trouble] = {}
        self._settled: tuple[Phase, str | None, float] = ("starting", None, clock.time())
        self._heartbeat = clock.time()
        # The owner's alone.
        self._uncommitted: dict[TopicPartition, int] = {}
        self._uncommitted_topic_id = ""
        self._commit_at = 0.0
        self._paused = False
        self._last_record_at = clock.monotonic()
        self._last_idle_at = clock.monotonic()
        self._shown_partitions: frozenset[int] = frozenset()

    @property
    def state(self) -> StreamState:
        """What the stream is doing now; may be read from any thread."""
        with self._changed:
            phase, reason, since = self._settled
            if phase != "stopped" and self._troubles:
                trouble = max(self._troubles.values(), key=lambda t: PHASES.index(t.phase))
                phase, reason, since = trouble.phase, trouble.reason, trouble.since
            return StreamState(phase, reason, since, self._heartbeat)

    @property
    def heartbeat(self) -> float:
        """When the owner thread last took its turn; Unix seconds."""
        return self._heartbeat

    def stop(self) -> None:
        """Lets `run` finish what is being stored, commit it and return."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def run(self) -> None:
        """The body of the owner thread; returns after `stop`, or when the stream stops for good."""
        stages = [
            threading.Thread(target=self._run_stage, args=(body,), name=name, daemon=True)
            for body, name in (
                (self._prepare_next, "stream-prepare"),
                (self._store_next, "stream-store"),
            )
        ]
        for stage in stages:
            stage.start()
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            self.stop()
            self._finish(stages)

    def _finish(self, stages: Sequence[threading.Thread]) -> None:
        deadline = time.monotonic() + self._settings.stop_timeout_s
        for stage in stages:
            stage.join(max(0.0, deadline - time.monotonic()))
            if stage.is_alive():
                logger.warning(
                    "%s did not finish within %.0f s: its batch comes again after the next start",
                    stage.name,
                    self._settings.stop_timeout_s,
                )
        try:
            self._commit(now=True)
        finally:
            self._consumer.close()
            for partition in self._shown_partitions:
                STREAM_LAG.remove(self._consumer.topic, str(partition))
            with self._changed:
                if self._settled[0] != "stopped":
                    self._settle("stopped", None)

    # The owner thread.

    def _turn(self) -> None:
        self._heartbeat = self._clock.time()
        self._commit()
        room = self._room()
        if room <= 0:
            room = self._wait_for_room()
        if room > 0 and self._paused:
            self._consumer.resume()
        elif room <= 0 and not self._paused:
            self._consumer.pause()
        self._paused = room <= 0
        timeout_s = _BUSY_POLL_S if self._busy() else self._settings.poll_timeout_s
        records = self._poll(timeout_s, max(1, room))
        if records is None:
            self._stopping.wait(self._settings.retry_first_s)
        elif records:
            self._take(records)
        else:
            self._maybe_idle()

    def _room(self) -> int:
        with self._changed:
            if self._buffered_bytes >= self._settings.max_batch_bytes:
                return 0
            return self._settings.max_batch_records - self._buffered_records

    def _wait_for_room(self) -> int:
        """Waits a moment for the buffer to be taken, which is cheaper than to pause and resume."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._buffer or self._stored or self._stopping.is_set(), _FULL_WAIT_S
            )
        return self._room()

    def _busy(self) -> bool:
        with self._changed:
            return bool(
                self._buffer
                or self._preparing
                or self._next_job is not None
                or self._storing
                or self._stored
                or self._uncommitted
            )

    def _poll(self, timeout_s: float, max_records: int) -> list[Record] | None:
        """The next records; None where the broker does not answer."""
        try:
            records = self._consumer.poll(timeout_s, max_records)
        except Exception as error:
            STREAM_POLL_ERRORS.labels(self._consumer.topic).inc()
            self._report("poll", error)
            return None
        self._recover("poll")
        self._show_lag()
        return records

    def _take(self, records: Sequence[Record]) -> None:
        self._last_record_at = self._clock.monotonic()
        batch = _Batch(tuple(records), self._progress())
        size = sum(len(r.value or b"") + len(r.key or b"") for r in records)
        with self._changed:
            self._buffer.append(batch)
            self._buffered_records += len(records)
            self._buffered_bytes += size
            self._changed.notify_all()

    def _progress(self) -> StreamProgress:
        consumer = self._consumer
        return StreamProgress(
            consumer.topic, consumer.topic_id, consumer.partitions(), consumer.progress()
        )

    def _maybe_idle(self) -> None:
        now, after = self._clock.monotonic(), self._settings.idle_after_s
        if now - self._last_record_at < after or now - self._last_idle_at < after:
            return
        if self._busy():
            return
        progress = self._progress()
        # While a partition's broker is silent, "nothing came" says nothing about the log.
        if not progress.owned or not all(p.fresh for p in progress.owned.values()):
            return
        self._last_idle_at = now
        with self._changed:
            self._next_job = _Idle(progress)
            self._changed.notify_all()

    def _commit(self, *, now: bool = False) -> None:
        """Commits what has been stored, at most every `_COMMIT_INTERVAL_S`."""
        with self._changed:
            stored = list(self._stored)
            self._stored.clear()
        topic_id = self._consumer.topic_id
        if topic_id != self._uncommitted_topic_id:
            # The offsets of a topic that is gone mean nothing in the one that has its name.
            self._uncommitted.clear()
            self._uncommitted_topic_id = topic_id
        for batch in stored:
            if batch.progress.topic_id == topic_id:
                last = {r.partition: r.offset + 1 for r in batch.records}
                topic = self._consumer.topic
                self._uncommitted.update({TopicPartition(topic, p): o for p, o in last.items()})
        if not self._uncommitted or (not now and self._clock.monotonic() < self._commit_at):
            return
        self._commit_at = self._clock.monotonic() + _COMMIT_INTERVAL_S
        try:
            self._consumer.commit(dict(self._uncommitted))
        except Exception as error:
            self._commit_at = self._clock.monotonic() + self._settings.retry_first_s * 10
            self._report("commit", error)
        else:
            self._uncommitted.clear()
            self._recover("commit")

    def _show_lag(self) -> None:
        progress = self._consumer.progress()
        topic = self._consumer.topic
        for partition, place in progress.items():
            STREAM_LAG.labels(topic, str(partition)).set(place.lag)
        owned = frozenset(progress)
        for partition in self._shown_partitions - owned:
            STREAM_LAG.remove(topic, str(partition))
        self._shown_partitions = owned

    # The two stages.

    def _run_stage(self, step: Callable[[], None]) -> None:
        try:
            while not self._stopping.is_set():
                step()
        except _StopRequested:
            return
        except TooManyDeadLettersError as error:
            logger.error("the stream has stopped: %s", error)
            with self._changed:
                self._settle("stopped", str(error))
            self.stop()

    def _prepare_next(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._stopping.is_set())
            if self._stopping.is_set():
                return
            batch = self._take_buffer()
            self._preparing = True
            self._changed.notify_all()
        try:
            result = self._try("prepare", lambda: self._handler.prepare(batch.records))
            with self._changed:
                self._changed.wait_for(lambda: self._next_job is None or self._stopping.is_set())
                if not self._stopping.is_set():
                    self._next_job = _Prepared(batch, result)
        finally:
            with self._changed:
                self._preparing = False
                self._changed.notify_all()

    def _take_buffer(self) -> _Batch:
        """All polls of the buffer that are of one topic id, as one batch."""
        polls = [self._buffer.popleft()]
        while self._buffer and self._buffer[0].progress.topic_id == polls[0].progress.topic_id:
            polls.append(self._buffer.popleft())
        records = tuple(itertools.chain.from_iterable(p.records for p in polls))
        self._buffered_records = sum(len(p.records) for p in self._buffer)
        if not self._buffer:
            self._buffered_bytes = 0
        return _Batch(records, polls[-1].progress)

    def _store_next(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._next_job is not None or self._stopping.is_set())
            job = self._next_job
            if job is None or self._stopping.is_set():
                return
            self._next_job = None
            self._storing = True
            self._changed.notify_all()
        stored: _Batch | None = None
        try:
            if isinstance(job, _Idle):
                self._try("store", lambda: self._handler.idle(job.progress))
            else:
                self._try("store", lambda: self._handler.store(job.result, job.batch.progress))
                stored = job.batch
        finally:
            with self._changed:
                self._storing = False
                if stored is not None:
                    self._stored.append(stored)
                self._changed.notify_all()

    def _try(self, step: str, action: Callable[[], ResultT]) -> ResultT:
        """Does a step, again and again until it succeeds.

        Raises:
            _StopRequested: the stream is stopped meanwhile.
            TooManyDeadLettersError: the step said so.
        """
        wait_s = self._settings.retry_first_s
        while True:
            try:
                result = action()
            except TooManyDeadLettersError:
                raise
            except Exception as error:
                self._report(step, error)
            else:
                self._recover(step)
                return result
            if self._stopping.wait(wait_s):
                raise _StopRequested
            wait_s = min(wait_s * 2, self._settings.retry_max_s)

    # What is said about it.

    def _report(self, step: str, error: Exception) -> None:
        """Takes note of a failure; logged when it is another than the one before."""
        phase: Phase = "waiting" if isinstance(error, _OUTSIDE) else "failing"
        reason = f"{step}: {error}" if phase == "waiting" else f"{step}: {error!r}"
        with self._changed:
            known = self._troubles.get(step)
            since = known.since if known and known.phase == phase else self._clock.time()
            self._troubles[step] = _Trouble(phase, reason, since)
            self._show_phase()
        if known is None or known.reason != reason:
            logger.warning(
                "the stream is %s: %s",
                phase,
                reason,
                exc_info=error if phase == "failing" else None,
            )

    def _recover(self, step: str) -> None:
        if step not in self._troubles and self._settled[0] != "starting":
            return
        with self._changed:
            known = self._troubles.pop(step, None)
            if self._settled[0] == "starting":
                self._settle("running", None)
            if known is not None:
                phase, _, _ = self._settled
                self._settled = (phase, None, self._clock.time())
                self._show_phase()
                logger.info("the stream goes on: %s works again", step)

    def _settle(self, phase: Phase, reason: str | None) -> None:
        self._settled = (phase, reason, self._clock.time())
        self._show_phase()

    def _show_phase(self) -> None:
        present = self.state.phase
        for phase in PHASES:
            STREAM_PHASE.labels(self._consumer.topic, phase).set(phase == present)
