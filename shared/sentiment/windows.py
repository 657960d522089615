"""Counts of labels in windows of event time: 5 minutes, 1 hour and 1 day.

Windows tumble: each starts at a multiple of its size since the Unix epoch, UTC, and includes its
start but not its end. Sums of counts are associative, so batches may be cut anywhere and late
records added at any time.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from shared.sentiment.labels import LABELS, Label

WINDOWS_S = (300, 3_600, 86_400)

ALL_NEWS = ""
"""The entity under which every text of a tenant counts once, whatever it names."""


@dataclass(frozen=True, slots=True)
class WindowKey:
    """One window of one entity of a tenant; `start_s` is in Unix seconds."""

    tenant: str
    entity: str
    size_s: int
    start_s: int


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """Mentions of each label in a window, in the order of `LABELS`; `late` says how many of them
    came late.
    """

    negative: int = 0
    neutral: int = 0
    positive: int = 0
    late: int = 0

    def __add__(self, other: "WindowCounts") -> "WindowCounts":
        return WindowCounts(
            self.negative + other.negative,
            self.neutral + other.neutral,
            self.positive + other.positive,
            self.late + other.late,
        )

    @property
    def total(self) -> int:
        """All mentions of the window, the late ones among them."""
        return self.negative + self.neutral + self.positive


@dataclass(frozen=True, slots=True)
class WindowMention:
    """What counting needs of a mention; `time` is the event time in Unix seconds.

    A text is one mention under `ALL_NEWS` and one under each entity that it names.
    """

    tenant: str
    entity: str
    time: float
    label: Label
    late: bool = False


def window_start(time: float, size_s: int) -> int:
    """The start, in Unix seconds, of the window of `size_s` that holds a time."""
    return math.floor(time / size_s) * size_s


def count(mentions: Iterable[WindowMention]) -> dict[WindowKey, WindowCounts]:
    """What the mentions add to each window that they touch, in every size of `WINDOWS_S`."""
    columns: defaultdict[WindowKey, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for mention in mentions:
        column = LABELS.index(mention.label)
        for size_s in WINDOWS_S:
            start_s = window_start(mention.time, size_s)
            counts = columns[WindowKey(mention.tenant, mention.entity, size_s, start_s)]
            counts[column] += 1
            counts[3] += mention.late
    return {key: WindowCounts(*counts) for key, counts in columns.items()}
