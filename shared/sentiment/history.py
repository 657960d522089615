"""What one entity's mentions looked like: a recent window, and a decayed baseline before it.

Time is cut into buckets, numbered from the Unix epoch. The window holds the present bucket and
those before it, as many as fit; a bucket that leaves it joins the baseline, and only then.
"""

import math
from dataclasses import dataclass, field

Bucket = tuple[int, int, int]
"""A bucket's number, its negative mentions, and all of them."""


@dataclass(slots=True)
class History:
    """Counts of one entity; `first` is its first bucket, `learnt` the first not in the baseline.

    `negative` and `total` are the window's; those of the baseline are decayed as its seconds are,
    so that their ratio is a rate.
    """

    first: int | None = None
    learnt: int = 0
    recent: list[Bucket] = field(default_factory=list)
    negative: int = 0
    total: int = 0
    baseline_negative: float = 0.0
    baseline_total: float = 0.0
    baseline_s: float = 0.0

    def add(self, bucket: int, *, negative: bool) -> None:
        """Counts a mention in the present bucket."""
        if self.first is None:
            self.first = self.learnt = bucket
        if self.recent and self.recent[-1][0] == bucket:
            _, negatives, total = self.recent.pop()
            self.recent.append((bucket, negatives + negative, total + 1))
        else:
            self.recent.append((bucket, int(negative), 1))
        self.negative += negative
        self.total += 1

    def leave_before(self, start: int, decay: "Decay", *, learn: bool) -> None:
        """Moves the window's start to a bucket; what leaves is learnt, or else forgotten.

        Buckets that are not learnt do not age the baseline either.
        """
        leaving = 0
        while leaving < len(self.recent) and self.recent[leaving][0] < start:
            bucket, negative, total = self.recent[leaving]
            self.negative -= negative
            self.total -= total
            if learn:
                self._age(bucket + 1 - self.learnt, decay)
                self.learnt = bucket + 1
                self.baseline_negative += negative
                self.baseline_total += total
            leaving += 1
        if leaving:
            del self.recent[:leaving]
        if start > self.learnt and self.first is not None:
            if learn:
                self._age(start - self.learnt, decay)
            self.learnt = start

    def _age(self, buckets: int, decay: "Decay") -> None:
        """Decays the baseline by some buckets, and adds their decayed seconds to it."""
        kept = math.exp(-decay.per_bucket * buckets)
        self.baseline_negative *= kept
        self.baseline_total *= kept
        self.baseline_s = self.baseline_s * kept + decay.longest_s * (1.0 - kept)


@dataclass(frozen=True, slots=True)
class Decay:
    """How the baseline forgets: each bucket weighs exp(-per_bucket) of the one after it.

    `longest_s` is the sum of the decayed seconds of endlessly many buckets.
    """

    per_bucket: float
    longest_s: float

    @classmethod
    def of(cls, half_life_s: float, bucket_s: int) -> "Decay":
        """The decay by one half in `half_life_s`."""
        per_bucket = math.log(2.0) * bucket_s / half_life_s
        return cls(per_bucket, bucket_s / -math.expm1(-per_bucket))
