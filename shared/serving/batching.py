"""The waiting room: which rows run next, who may wait, and who is sent away.

A batch holds rows of one priority class and one group (what the model can compute together), and
of any applications and tasks. Which class comes next:

    lag[c]  what class c is owed: while c has rows waiting, every batch of T padded tokens adds
            share[c] * T to it and takes off what c got of those T; never below 0, and 0 when
            nothing of c waits
    next    the class with the largest lag, if that lag is at least one batch (`max_batch_tokens`);
            otherwise the highest class that has rows waiting

So priority is strict until a lower class is owed a whole batch. The shares sum to at most 1, so
while c waits, of any W tokens computed it gets at least `share[c] * W - 3 * max_batch_tokens`.

Within a class the oldest row is in every batch, so no row waits for ever; it is joined by those
rows of a bounded look-ahead into its group whose lengths are near its own, so that little is
padded.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import Field, model_validator

from shared.clock import Clock
from shared.config import Settings
from shared.errors import OverloadedError
from shared.models.tasks import Priority

RowT = TypeVar("RowT")

_LOOK_AHEAD_BATCHES = 4
_RATE_MEMORY_S = 5.0
_RETRY_AFTER_S = (0.1, 60.0)
_UNMEASURED_RETRY_AFTER_S = 1.0


class ClassSettings(Settings):
    """One priority class: its guaranteed share of the tokens, and how much of it may wait."""

    share: float = Field(ge=0, le=1)
    max_waiting_tokens: int = Field(gt=0)
    max_waiting_rows: int = Field(gt=0)


class QueueSettings(Settings):
    """The waiting room: a batch has at most `max_batch_tokens` = rows x longest row.

    `batch_overhead_tokens` is what a batch costs besides its tokens, in tokens' worth of time: the
    larger, the more padding is accepted to have fewer batches. Each class is bounded separately,
    so that no flood of bulk work keeps a person out.
    """

    max_batch_tokens: int = Field(default=1024, gt=0)
    batch_overhead_tokens: int = Field(default=64, ge=0)
    interactive: ClassSettings = ClassSettings(
        share=0.5, max_waiting_tokens=65_536, max_waiting_rows=4_096
    )
    stream: ClassSettings = ClassSettings(
        share=0.3, max_waiting_tokens=131_072, max_waiting_rows=8_192
    )
    bulk: ClassSettings = ClassSettings(
        share=0.1, max_waiting_tokens=262_144, max_waiting_rows=16_384
    )

    @model_validator(mode="after")
    def _check_shares(self) -> "QueueSettings":
        total = sum(self.of(priority).share for priority in Priority)
        if total > 1 + 1e-9:
            raise ValueError(f"the shares sum to {total:g}: at most 1 can be guaranteed")
        return self

    def of(self, priority: Priority) -> ClassSettings:
        """The settings of one class."""
        match priority:
            case Priority.INTERACTIVE:
                return self.interactive
            case Priority.STREAM:
                return self.stream
            case Priority.BULK:
                return self.bulk


@dataclass(slots=True, eq=False)
class WaitingRow(Generic[RowT]):
    """A row that waits: `tokens` is its length, `deadline_s` a time of the room's clock.

    Rows of different groups share no batch. `arrival` is the room's: its place in the order.
    """

    row: RowT
    tokens: int
    priority: Priority
    deadline_s: float = math.inf
    group: str = ""
    arrival: int = 0


class _Class(Generic[RowT]):
    """The rows of one class that wait, each group's oldest first, and what the class is owed."""

    def __init__(self, settings: ClassSettings) -> None:
        self.settings = settings
        self.groups: dict[str, OrderedDict[WaitingRow[RowT], None]] = {}
        self.rows = 0
        self.tokens = 0
        self.reserved_rows = 0
        self.lag = 0.0
        self._arrived = 0

    def add(self, item: WaitingRow[RowT]) -> None:
        self._arrived += 1
        item.arrival = self._arrived
        group = self.groups.get(item.group)
        if group is None:
            group = self.groups[item.group] = OrderedDict()
        group[item] = None
        self.rows += 1
        self.tokens += item.tokens

    def remove(self, item: WaitingRow[RowT]) -> None:
        group = self.groups[item.group]
        del group[item]
        if not group:
            del self.groups[item.group]
        self.rows -= 1
        self.tokens -= item.tokens
        if not self.rows:
            self.lag = 0.0

    def holds(self, item: WaitingRow[RowT]) -> bool:
        return item in self.groups.get(item.group, ())

    def oldest_group(self) -> Iterable[WaitingRow[RowT]]:
        """The rows that may share a batch with the oldest one, oldest first."""
        groups = self.groups.values()
        if len(groups) == 1:
            return next(iter(groups))
        return min(groups, key=lambda group: next(iter(group)).arrival, default=())


class WaitingRoom(Generic[RowT]):
    """Rows between their arrival and their batch. Not thread-safe: the owner holds a lock."""

    def __init__(self, settings: QueueSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._classes = {p: _Class[RowT](settings.of(p)) for p in Priority}
        self._expired: list[WaitingRow[RowT]] = []
        self._tokens_per_s: float | None = None

    def waiting_tokens(self, priority: Priority) -> int:
        """Tokens of a class that wait, without padding."""
        return self._classes[priority].tokens

    def waiting_rows(self, priority: Priority) -> int:
        """Rows of a class that wait, those that are only reserved not counted."""
        return self._classes[priority].rows

    def reserve(self, priority: Priority, rows: int) -> None:
        """Keeps room for rows whose lengths are not known yet; `release` gives it back.

        Raises:
            OverloadedError: the class is full.
        """
        self._check(priority, rows, tokens=1)
        self._classes[priority].reserved_rows += rows

    def release(self, priority: Priority, rows: int) -> None:
        """Gives back what `reserve` kept."""
        self._classes[priority].reserved_rows -= rows

    def admit(self, items: Sequence[WaitingRow[RowT]]) -> None:
        """Lets all of the items, which share one priority, wait; or none of them.

        A class in which nothing waits takes any number, so that no call is too large in itself.

        Raises:
            OverloadedError: the class is full.
        """
        if not items:
            return
        priority = items[0].priority
        self._check(priority, len(items), sum(item.tokens for item in items))
        for item in items:
            self._classes[priority].add(item)

    def withdraw(self, items: Sequence[WaitingRow[RowT]]) -> int:
        """Takes out those of the items that still wait, and says how many that were."""
        withdrawn = 0
        for item in items:
            waiting = self._classes[item.priority]
            if waiting.holds(item):
                waiting.remove(item)
                withdrawn += 1
        return withdrawn

    def clear(self) -> list[WaitingRow[RowT]]:
        """Takes out everything that waits."""
        everything = [
            item
            for waiting in self._classes.values()
            for group in waiting.groups.values()
            for item in group
        ]
        self.withdraw(everything)
        return everything

    def next_batch(self, only: Priority | None = None, sharers: int = 1) -> list[WaitingRow[RowT]]:
        """Takes out the rows to run now; empty when there are none.

        With `only`, that class's rows if it is that class's turn, and none otherwise: this is for
        use between the layers of another batch. Where so many `sharers` are about to ask, a batch
        is a fair part of what waits, unless that is too little to be worth another batch. A
        row longer than `max_batch_tokens` runs alone.
        """
        while (priority := self._turn()) is not None:
            if only not in (None, priority):
                return []
            candidates = self._candidates(priority)
            if candidates:
                batch = self._choose(candidates, self._part(priority, sharers))
                self._account(priority, batch)
                return batch
        return []

    def take_expired(self) -> list[WaitingRow[RowT]]:
        """The items that `next_batch` has dropped since the last call: their deadline passed."""
        expired, self._expired = self._expired, []
        return expired

    def record(self, tokens: int, seconds: float) -> None:
        """Learns how fast batches are computed (tokens without padding)."""
        if seconds <= 0:
            return
        rate = tokens / seconds
        if self._tokens_per_s is None:
            self._tokens_per_s = rate
        weight = 1 - math.exp(-seconds / _RATE_MEMORY_S)
        self._tokens_per_s += weight * (rate - self._tokens_per_s)

    def _check(self, priority: Priority, rows: int, tokens: int) -> None:
        waiting = self._classes[priority]
        rows_before = waiting.rows + waiting.reserved_rows
        limit = waiting.settings
        excess_tokens = waiting.tokens + tokens - limit.max_waiting_tokens
        excess_rows = rows_before + rows - limit.max_waiting_rows
        if rows_before == 0 or (excess_tokens <= 0 and excess_rows <= 0):
            return
        per_row = waiting.tokens / max(1, waiting.rows)
        retry_after_s = self._seconds_for(priority, max(excess_tokens, excess_rows * per_row))
        raise OverloadedError(
            f"{rows_before} {priority} texts with {waiting.tokens} tokens wait already, and {rows} "
            f"more would pass the limit of {limit.max_waiting_rows} texts or "
            f"{limit.max_waiting_tokens} tokens: try again in {retry_after_s:.1f} s",
            retry_after_s=retry_after_s,
        )

    def _seconds_for(self, priority: Priority, tokens: float) -> float:
        """How long the model needs until so many tokens of a class, and all above it, are done."""
        if self._tokens_per_s is None:
            return _UNMEASURED_RETRY_AFTER_S
        for above in Priority:
            if above is priority:
                break
            tokens += self._classes[above].tokens
        least, most = _RETRY_AFTER_S
        return min(most, max(least, tokens / self._tokens_per_s))

    def _turn(self) -> Priority | None:
        waiting = [p for p in Priority if self._classes[p].rows]
        if not waiting:
            return None
        neediest = max(waiting, key=lambda p: self._classes[p].lag)
        owed = self._classes[neediest].lag >= self._settings.max_batch_tokens
        return neediest if owed else waiting[0]

    def _candidates(self, priority: Priority) -> list[WaitingRow[RowT]]:
        """The oldest rows of a group, some batches' worth; those that are too late are dropped."""
        waiting = self._classes[priority]
        now_s = self._clock.monotonic()
        enough = _LOOK_AHEAD_BATCHES * self._settings.max_batch_tokens
        candidates: list[WaitingRow[RowT]] = []
        expired: list[WaitingRow[RowT]] = []
        tokens = 0
        for item in waiting.oldest_group():
            if item.deadline_s <= now_s:
                expired.append(item)
                continue
            candidates.append(item)
            tokens += item.tokens
            if tokens >= enough:
                break
        for item in expired:
            waiting.remove(item)
        self._expired += expired
        return candidates

    def _part(self, priority: Priority, sharers: int) -> float:
        """The most padded tokens that one of so many sharers takes."""
        most = self._settings.max_batch_tokens
        if sharers == 1:
            return most
        part = self._classes[priority].tokens / sharers
        return min(most, max(self._settings.batch_overhead_tokens, part))

    def _choose(self, candidates: list[WaitingRow[RowT]], most: float) -> list[WaitingRow[RowT]]:
        """Grows a batch from the oldest row to shorter and longer ones while it gets denser.

        Density is useful tokens per cost, and the cost `overhead + rows * longest`: a shorter row
        is worth its padding if that saves a batch, a longer one if it does so for all the others.
        """
        ordered = sorted(candidates, key=lambda item: item.tokens)
        lengths = [item.tokens for item in ordered]
        first = last = ordered.index(candidates[0])
        useful = lengths[first]
        overhead = self._settings.batch_overhead_tokens
        density = useful / (overhead + useful)
        while True:
            rows = last - first + 2
            shorter = longer = 0.0
            if first > 0 and rows * lengths[last] <= most:
                shorter = (useful + lengths[first - 1]) / (overhead + rows * lengths[last])
            if last + 1 < len(lengths) and rows * lengths[last + 1] <= most:
                longer = (useful + lengths[last + 1]) / (overhead + rows * lengths[last + 1])
            if max(shorter, longer) < density:
                return ordered[first : last + 1]
            if shorter > longer:
                first -= 1
                useful += lengths[first]
            else:
                last += 1
                useful += lengths[last]
            density = max(shorter, longer)

    def _account(self, priority: Priority, batch: list[WaitingRow[RowT]]) -> None:
        """Takes the batch out of the room, and settles what each class is owed."""
        padded = len(batch) * batch[-1].tokens
        for other, waiting in self._classes.items():
            if waiting.rows:
                got = padded if other is priority else 0
                waiting.lag = max(0.0, waiting.lag + waiting.settings.share * padded - got)
        for item in batch:
            self._classes[priority].remove(item)
