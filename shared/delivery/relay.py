"""The loop that empties an outbox into its sinks, at least once, and loses nothing silently."""

import logging
import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from pydantic import Field
from sqlalchemy import Connection

from shared.clock import Clock, SystemClock
from shared.config import Settings
from shared.delivery.outbox import Delivery, Outbox
from shared.errors import DependencyError
from shared.storage.database import Database
from shared.telemetry import OUTBOX_ATTEMPTS, OUTBOX_OVERDUE, OUTBOX_WAITING

LOGGER = logging.getLogger(__name__)

_COUNT_EVERY_S = 5.0


class RelaySettings(Settings):
    """How a relay tries.

    After a failure it waits `retry_first_s`, then twice as long each time, at most `retry_max_s`,
    less up to half at random. A message that a sink refuses is given up after `refusals`; one that
    finds the sink away is tried for ever. What a relay takes is its own for `lease_s` and the time
    of an attempt; a relay that is killed leaves it to the next one after that time. It looks for
    work every `poll_s`.
    """

    retry_first_s: float = Field(0.5, gt=0)
    retry_max_s: float = Field(10.0, gt=0)
    refusals: int = Field(6, ge=1)
    lease_s: float = Field(15.0, gt=0)
    poll_s: float = Field(1.0, gt=0)
    batch: int = Field(64, ge=1, le=500)


class Outcome(StrEnum):
    """What became of one attempt: taken, refused for what it is, or nobody there to take it."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one message; `error` says what went wrong."""

    delivery: Delivery
    outcome: Outcome
    error: str = ""


class Sink(Protocol):
    """Where messages go; `names` are the outbox's names of it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The values of the outbox's column `sink` that are meant for it."""

    @property
    def attempt_s(self) -> float:
        """The longest that one attempt should take; what takes longer is told of as overdue."""

    def send(self, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
        """Tries them in order, and yields each one's attempt as soon as it is known.

        It may end early where the sink is away: what it did not try is tried again.
        """

    def close(self) -> None:
        """Releases connections."""


@dataclass(frozen=True, slots=True)
class RelayState:
    """How a relay fares; `failing_since_s` (Unix) is None where the last attempt went well.

    `waiting` and `given_up` are as of a few seconds ago.
    """

    error: str | None = None
    failing_since_s: float | None = None
    waiting: int = 0
    given_up: int = 0


class Relay:
    """One sink's loop in its own thread, so that a slow sink delays no other."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        sink: Sink,
        settings: RelaySettings,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._sink = sink
        self._settings = settings
        self._clock = clock or SystemClock()
        self._state = RelayState()
        self._failures = 0
        self._trying_since_s: float | None = None
        self._counted_s = float("-inf")
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"relay-{sink.names[0]}")
        self._thread.daemon = True
        OUTBOX_OVERDUE.labels(sink.names[0]).set_function(lambda: self.overdue_s)

    @property
    def state(self) -> RelayState:
        """How it fares now; an attempt that is overdue counts as failing."""
        overdue_s, limit_s = self.overdue_s, self._sink.attempt_s
        if not overdue_s:
            return self._state
        error = f"an attempt has taken {overdue_s + limit_s:.0f} s already (limit {limit_s:g} s)"
        since_s = self._state.failing_since_s or self._clock.time() - overdue_s
        return replace(self._state, error=error, failing_since_s=since_s)

    @property
    def overdue_s(self) -> float:
        """By how much the attempt under way is over its time; 0 where none is."""
        since_s = self._trying_since_s
        if since_s is None:
            return 0.0
        return max(0.0, self._clock.monotonic() - since_s - self._sink.attempt_s)

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Something was put into the outbox: look now instead of after `poll_s`."""
        self._woken.set()

    def stop(self, timeout_s: float) -> None:
        """Ends after the attempt that runs; what was not sent stays in the outbox."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def step(self) -> float:
        """Sends what is due, once; returns how many seconds to wait for the next time."""
        settings, names = self._settings, self._sink.names
        now_s = self._clock.time()
        with self._database.read() as connection:
            due = self._outbox.due(connection, names, now_s, settings.batch)
            self._count(connection)
        if not due:
            return settings.poll_s
        with self._database.write() as connection:
            lease_s = settings.lease_s + self._sink.attempt_s
            taken = self._outbox.claim(connection, due, now_s, lease_s)
        is_away = self._attempt(taken, self._clock.monotonic())
        return self._wait_s(self._failures) if is_away else 0.0

    def _attempt(self, taken: Sequence[Delivery], begun_s: float) -> bool:
        """Sends and notes; returns whether the sink is away."""
        untried = {delivery.id for delivery in taken}
        attempts: list[Attempt] = []
        is_away = False
        self._trying_since_s = begun_s
        try:
            for attempt in self._sink.send(taken):
                attempts.append(attempt)
                untried.discard(attempt.delivery.id)
                is_away = attempt.outcome is Outcome.AWAY
                self._trying_since_s = self._clock.monotonic()
                late = self._trying_since_s - begun_s > self._settings.lease_s / 3
                if is_away or late or self._stopping.is_set():
                    break
        finally:
            self._trying_since_s = None
        self._note(attempts)
        # Should this fail, what was sent is sent again after the lease.
        with self._database.write() as connection:
            self._settle(connection, attempts, [d.id for d in taken if d.id in untried])
        return is_away

    def _settle(
        self, connection: Connection, attempts: Sequence[Attempt], untried: Sequence[str]
    ) -> None:
        now_s = self._clock.time()
        by_outcome = {outcome: [a for a in attempts if a.outcome is outcome] for outcome in Outcome}
        delivered = [a.delivery.id for a in by_outcome[Outcome.DELIVERED]]
        self._outbox.delivered(connection, delivered, now_s)
        for attempt in by_outcome[Outcome.REFUSED]:
            self._refused(connection, attempt, now_s)
        for attempt in by_outcome[Outcome.AWAY]:
            # Behind the others, or one that always fails the receiver would hold them all up.
            due_s = now_s + self._wait_s(attempt.delivery.attempts + 1)
            self._outbox.postpone(connection, [attempt.delivery.id], due_s, attempt.error)
        self._outbox.postpone(connection, untried, now_s, None)

    def _refused(self, connection: Connection, attempt: Attempt, now_s: float) -> None:
        """Each refused message waits by itself: the sink takes others meanwhile."""
        delivery = attempt.delivery
        tries = delivery.attempts + 1
        fields = {"sink": delivery.message.sink, "key": delivery.message.key}
        if tries >= self._settings.refusals:
            self._outbox.give_up(connection, [delivery.id], now_s, attempt.error)
            OUTBOX_ATTEMPTS.labels(delivery.message.sink, "given_up").inc()
            LOGGER.error("a message was given up", extra={**fields, "reason": attempt.error})
            return
        due_s = now_s + self._wait_s(tries)
        self._outbox.postpone(connection, [delivery.id], due_s, attempt.error)

    def _note(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            OUTBOX_ATTEMPTS.labels(attempt.delivery.message.sink, attempt.outcome).inc()
        if not attempts:
            return
        last = attempts[-1]
        self._failures = self._failures + 1 if last.outcome is Outcome.AWAY else 0
        failed = last.outcome is not Outcome.DELIVERED
        self._turn(last.error if failed else None)

    def _turn(self, error: str | None) -> None:
        """Into failing or out of it; each turn is one line in the log."""
        before = self._state
        if error is not None and before.error is None:
            LOGGER.warning("a sink fails", extra={"sink": self._sink.names[0], "reason": error})
        if error is None and before.error is not None:
            LOGGER.info("a sink takes messages again", extra={"sink": self._sink.names[0]})
        since_s = before.failing_since_s or self._clock.time()
        self._state = RelayState(
            error, since_s if error is not None else None, before.waiting, before.given_up
        )

    def _count(self, connection: Connection) -> None:
        """Counts what waits, now and then: it takes longer the more there is."""
        now_s = self._clock.monotonic()
        if now_s - self._counted_s < _COUNT_EVERY_S:
            return
        self._counted_s = now_s
        backlog = self._outbox.backlog(connection, self._sink.names)
        for name, one in backlog.items():
            OUTBOX_WAITING.labels(name).set(one.waiting)
        before = self._state
        waiting = sum(one.waiting for one in backlog.values())
        given_up = sum(one.given_up for one in backlog.values())
        self._state = RelayState(before.error, before.failing_since_s, waiting, given_up)

    def _wait_s(self, failures: int) -> float:
        settings = self._settings
        # The exponent is bounded, or a long outage would overflow a float.
        doublings = min(max(failures - 1, 0), 30)
        longest_s = min(settings.retry_max_s, settings.retry_first_s * 2.0**doublings)
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                wait_s = self.step()
            except DependencyError as error:
                LOGGER.warning("the outbox waits", extra={"reason": str(error)})
                wait_s = self._settings.poll_s
            except Exception:
                # The edge of the thread: whatever it is, what waits must go out some day.
                LOGGER.exception("the outbox's relay failed")
                wait_s = self._settings.retry_max_s
            if wait_s:
                self._wait(wait_s)
        self._sink.close()

    def _wait(self, wait_s: float) -> None:
        """Until there is work; while the sink is away, new work is no reason to hurry."""
        waiter = self._stopping if self._failures else self._woken
        waiter.wait(wait_s)
