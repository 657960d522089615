"""What a stream is doing and what keeps it from it; written by its threads, read by anyone."""

import logging
import threading
from dataclasses import dataclass
from typing import Literal

from shared.clock import Clock
from shared.errors import DeadlineError, DependencyError, OverloadedError
from shared.failures import reason_of
from shared.streaming.consumer import NO_LOG, TopicLog
from shared.telemetry import STREAM_PHASE

logger = logging.getLogger(__name__)

Phase = Literal["starting", "running", "waiting", "failing", "stopped", "unreachable"]
PHASES: tuple[Phase, ...] = ("starting", "running", "waiting", "failing", "stopped")

OUTSIDE = (DependencyError, OverloadedError, DeadlineError)
"""What a step raises while something outside does not answer."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream is doing: `reason` is its last error while it does not run; Unix seconds.

    `waiting` is for something outside (broker, database, trunk) to come back, `failing` for a
    fault of the handler; both go on by themselves. `unreachable` is said by who asks in vain.
    `heartbeat` is the owner's last turn, `log`
    what the broker then had of the topic.
    """

    phase: Phase
    reason: str | None
    since: float
    heartbeat: float
    log: TopicLog = NO_LOG


def unreachable(error: DependencyError) -> StreamState:
    """The state of a stream whose host does not answer."""
    return StreamState("unreachable", str(error), 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Trouble:
    phase: Phase
    reason: str
    since: float


class StreamHealth:
    """The phase of one stream, and the trouble of each of its steps; for all threads."""

    def __init__(self, topic: str, clock: Clock) -> None:
        self._topic = topic
        self._clock = clock
        self._lock = threading.RLock()
        self._troubles: dict[str, _Trouble] = {}
        self._settled: tuple[Phase, str | None, float] = ("starting", None, clock.time())
        self._heartbeat = clock.time()
        self._log = NO_LOG

    @property
    def state(self) -> StreamState:
        """What the stream is doing now."""
        with self._lock:
            phase, reason, since = self._settled
            if phase != "stopped" and self._troubles:
                trouble = max(self._troubles.values(), key=lambda t: PHASES.index(t.phase))
                phase, reason, since = trouble.phase, trouble.reason, trouble.since
            return StreamState(phase, reason, since, self._heartbeat, self._log)

    @property
    def heartbeat(self) -> float:
        """When the owner thread last took its turn; Unix seconds."""
        return self._heartbeat

    def beat(self, log: TopicLog) -> None:
        """The owner thread takes its turn, and the broker has this of the topic."""
        self._heartbeat = self._clock.time()
        self._log = log

    def report(self, step: str, error: Exception) -> None:
        """Takes note of a failure; logged when it is another than the one before."""
        phase: Phase = "waiting" if isinstance(error, OUTSIDE) else "failing"
        reason = f"{step}: {error}" if phase == "waiting" else f"{step}: {reason_of(error)}"
        with self._lock:
            known = self._troubles.get(step)
            since = known.since if known and known.phase == phase else self._clock.time()
            self._troubles[step] = _Trouble(phase, reason, since)
            self._show()
        if known is None or known.reason != reason:
            logger.warning(
                "the stream is %s: %s",
                phase,
                reason,
                exc_info=error if phase == "failing" else None,
            )

    def recover(self, step: str) -> None:
        """The step works: ends its trouble, and the stream's start."""
        if step not in self._troubles and self._settled[0] != "starting":
            return
        with self._lock:
            known = self._troubles.pop(step, None)
            if self._settled[0] == "starting":
                self._settle("running", None)
            if known is not None:
                phase, _, _ = self._settled
                self._settled = (phase, None, self._clock.time())
                self._show()
                logger.info("the stream goes on: %s works again", step)

    def stop(self, reason: str | None = None) -> None:
        """The stream has stopped; of several reasons the first one stays."""
        with self._lock:
            if self._settled[0] != "stopped":
                self._settle("stopped", reason)

    def _settle(self, phase: Phase, reason: str | None) -> None:
        self._settled = (phase, reason, self._clock.time())
        self._show()

    def _show(self) -> None:
        present = self.state.phase
        for phase in PHASES:
            STREAM_PHASE.labels(self._topic, phase).set(phase == present)
