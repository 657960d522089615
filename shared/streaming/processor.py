"""The owner of a stream: polls, has batches prepared and stored in order, commits what is stored.

    owner thread    poll -> buffer ................................................ commit
    prepare thread           buffer -> Handler.prepare (decode, encode)
    store thread                              Handler.store (one transaction)

The next batch is prepared while the one before is stored. The owner does nothing slow, so the
group never takes this member for dead; while a step fails, it goes on polling, paused. Nothing is
ever skipped: a batch is tried until it is stored, or until the stream is stopped. A batch that
fails by itself, and not because something outside is away, is halved, so that no record holds up
others for long; the one record that is left is given up by the handler, as a dead letter.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.clock import Clock
from shared.errors import DeadlineError, DependencyError, InputError, PlatformError
from shared.streaming.batches import Batch, joined
from shared.streaming.consumer import Consumer, StreamProgress
from shared.streaming.dead_letters import TooManyDeadLettersError
from shared.streaming.handler import BatchTooLargeError, Handler, PreparedT
from shared.streaming.health import StreamHealth, StreamState
from shared.streaming.message import Record, TopicPartition
from shared.streaming.settings import ProcessorSettings
from shared.telemetry import STREAM_LAG, STREAM_POLL_ERRORS

logger = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

_BUSY_POLL_S = 0.05
"""How long a poll may wait for records while a batch is under way, whose commit waits for it."""


_FULL_WAIT_S = 0.1
"""How long the owner waits for room in its buffer before it pauses and polls."""

_COMMIT_INTERVAL_S = 0.1
"""Offsets are committed at most this often; what is stored, not committed, is read again, once."""

_TRIES = 3
"""How often one record may fail by itself before it is given up."""


@dataclass(frozen=True, slots=True)
class _Prepared(Generic[PreparedT]):
    batch: Batch
    result: PreparedT


class _StopRequested(Exception):
    """Ends a stage's wait for its next try."""


class _FailsByItselfError(Exception):
    """A batch fails though nothing outside is away: `error` is its last failure."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


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
        self._buffer: deque[Batch] = deque()
        self._buffered_records = 0
        self._buffered_bytes = 0
        self._preparing = False
        # What is prepared, or a batch without records: a moment at which nothing came.
        self._next_job: _Prepared[PreparedT] | Batch | None = None
        self._storing = False
        self._stored: deque[Batch] = deque()
        self._health = StreamHealth(consumer.topic, clock)
        # The store stage prepares again what it has halved.
        self._handling = threading.Lock()
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
        return self._health.state

    @property
    def heartbeat(self) -> float:
        """When the owner thread last took its turn; Unix seconds."""
        return self._health.heartbeat

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
                    "%s did not finish within %.0f s: its batch is read again after the next start",
                    stage.name,
                    self._settings.stop_timeout_s,
                )
        try:
            self._commit(now=True)
        finally:
            self._consumer.close()
            for partition in self._shown_partitions:
                STREAM_LAG.remove(self._consumer.topic, str(partition))
            self._health.stop()

    # The owner thread.

    def _turn(self) -> None:
        self._health.beat(self._consumer.log())
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
            self._health.report("poll", error)
            return None
        self._health.recover("poll")
        if (trouble := self._consumer.trouble) is not None:
            self._health.report("read", DependencyError(trouble))
        else:
            self._health.recover("read")
        self._show_lag()
        return records

    def _take(self, records: Sequence[Record]) -> None:
        self._last_record_at = self._clock.monotonic()
        batch = Batch(tuple(records), self._progress())
        with self._changed:
            self._buffer.append(batch)
            self._buffered_records += len(records)
            self._buffered_bytes += batch.size_bytes
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
            self._next_job = Batch((), progress)
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
                self._uncommitted.update(batch.next_offsets)
        if not self._uncommitted or (not now and self._clock.monotonic() < self._commit_at):
            return
        self._commit_at = self._clock.monotonic() + _COMMIT_INTERVAL_S
        try:
            self._consumer.commit(dict(self._uncommitted))
        except Exception as error:
            self._commit_at = self._clock.monotonic() + self._settings.retry_first_s * 10
            self._health.report("commit", error)
        else:
            self._uncommitted.clear()
            self._health.recover("commit")

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
            self._health.stop(str(error))
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
            for prepared in self._prepared(batch):
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._next_job is None or self._stopping.is_set()
                    )
                    if not self._stopping.is_set():
                        self._next_job = prepared
                        self._changed.notify_all()
        finally:
            with self._changed:
                self._preparing = False
                self._changed.notify_all()

    def _prepared(self, batch: Batch) -> Iterator[_Prepared[PreparedT]]:
        """The batch, prepared as a whole or in as many parts as its records make necessary."""
        try:
            yield _Prepared(batch, self._try("prepare", batch, lambda: self._prepare(batch)))
        except _FailsByItselfError as failed:
            if len(batch.records) == 1:
                yield self._given_up("prepare", batch, failed.error)
            else:
                _log_halving("prepare", batch, failed.error)
                for half in batch.halves():
                    yield from self._prepared(half)

    def _prepare(self, batch: Batch) -> PreparedT:
        with self._handling:
            return self._handler.prepare(batch.records)

    def _given_up(self, step: str, batch: Batch, error: Exception) -> _Prepared[PreparedT]:
        (record,) = batch.records
        place = {"partition": record.partition, "offset": record.offset}
        logger.error("a record is given up: it fails in %s", step, extra=place, exc_info=error)

        def dead_letter() -> PreparedT:
            with self._handling:
                return self._handler.give_up(record, error)

        return _Prepared(batch, self._try(step, None, dead_letter))

    def _take_buffer(self) -> Batch:
        """All polls of the buffer that are of one topic id, as one batch."""
        polls = [self._buffer.popleft()]
        while self._buffer and self._buffer[0].progress.topic_id == polls[0].progress.topic_id:
            polls.append(self._buffer.popleft())
        self._buffered_records = sum(len(poll.records) for poll in self._buffer)
        if not self._buffer:
            self._buffered_bytes = 0
        return joined(polls)

    def _store_next(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._next_job is not None or self._stopping.is_set())
            job = self._next_job
            if job is None or self._stopping.is_set():
                return
            self._next_job = None
            self._storing = True
            self._changed.notify_all()
        try:
            if isinstance(job, Batch):
                self._try("store", None, lambda: self._handler.idle(job.progress))
                self._note_stored(job)
            else:
                self._store(job)
        finally:
            with self._changed:
                self._storing = False
                self._changed.notify_all()

    def _store(self, job: _Prepared[PreparedT]) -> None:
        """Stores the batch as a whole, or in as many parts as its records make necessary."""
        batch = job.batch
        try:
            self._try("store", batch, lambda: self._handler.store(job.result, batch.progress))
        except _FailsByItselfError as failed:
            if len(batch.records) > 1:
                _log_halving("store", batch, failed.error)
                for half in batch.halves():
                    for prepared in self._prepared(half):
                        self._store(prepared)
                return
            letter = self._given_up("store", batch, failed.error)
            self._try("store", None, lambda: self._handler.store(letter.result, batch.progress))
        self._note_stored(batch)

    def _note_stored(self, batch: Batch) -> None:
        with self._changed:
            self._stored.append(batch)
            self._changed.notify_all()

    def _try(self, step: str, batch: Batch | None, action: Callable[[], ResultT]) -> ResultT:
        """Does a step, again and again until it succeeds; without a `batch`, whatever happens.

        Raises:
            _FailsByItselfError: the batch is at fault.
            _StopRequested: the stream is stopped meanwhile.
            TooManyDeadLettersError: the step said so.
        """
        wait_s = self._settings.retry_first_s
        failures = 0
        while True:
            try:
                result = action()
            except TooManyDeadLettersError:
                raise
            except Exception as error:
                if batch is not None and _asks_too_much(batch, error):
                    raise _FailsByItselfError(error) from error
                self._health.report(step, error)
                if batch is not None and _may_be_at_fault(error):
                    failures += 1
                    if len(batch.records) > 1 or (failures >= _TRIES and self._is_able()):
                        raise _FailsByItselfError(error) from error
            else:
                self._health.recover(step)
                return result
            if self._stopping.wait(wait_s):
                raise _StopRequested
            wait_s = min(wait_s * 2, self._settings.retry_max_s)

    def _is_able(self) -> bool:
        """Whether the handler would do well with another record."""
        try:
            with self._handling:
                self._handler.check()
        except Exception as error:
            logger.info("no record is given up while none can be handled: %s", error)
            return False
        return True


def _may_be_at_fault(error: Exception) -> bool:
    """Whether a failure may be due to the records, and not to what is outside or configured."""
    at_fault = (BatchTooLargeError, DeadlineError, InputError)
    return isinstance(error, at_fault) or not isinstance(error, PlatformError)


def _asks_too_much(batch: Batch, error: Exception) -> bool:
    """Whether a batch is merely taken in parts, as long texts ask for: nothing has failed."""
    return isinstance(error, BatchTooLargeError) and len(batch.records) > 1


def _log_halving(step: str, batch: Batch, error: Exception) -> None:
    level = logging.DEBUG if _asks_too_much(batch, error) else logging.WARNING
    logger.log(level, "a batch of %d is halved in %s: %s", len(batch.records), step, error)
