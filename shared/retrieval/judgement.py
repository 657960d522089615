"""What a judge of passages said, and the order of the passages by it.

Notation of shapes: r readings of the question, h passages that were found.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from shared.retrieval.fusion import Float32s
from shared.retrieval.index import Hit


@dataclass(frozen=True, slots=True)
class Judgement:
    """`logits` is float32 [r, h]: how well each passage answers each reading, NaN if not judged.

    0 is as good as no answer. `bundle` is who judged; None where there is no judge. `left_out`
    counts the pairs for which there was no time.
    """

    logits: Float32s
    bundle: str | None
    left_out: int = 0

    @classmethod
    def none(cls, readings: int, hits: int) -> "Judgement":
        """Nothing was judged."""
        return cls(np.full((readings, hits), np.nan, np.float32), None)

    def over(self, hits: int) -> "Judgement":
        """The same judgement of the first of `hits` passages."""
        more = np.full((len(self.logits), hits - self.logits.shape[1]), np.nan, np.float32)
        return replace(self, logits=np.concatenate([self.logits, more], axis=1))


@dataclass(frozen=True, slots=True)
class Judged:
    """A passage with the logit of the reading that it answers best; both None if not judged.

    `rank` orders the passages of one search.
    """

    hit: Hit
    rank: float
    logit: float | None = None
    reading: int | None = None


FAQ_SHARE = 0.05
"""The share of the judge's weight that counts for questions with answers.

Their own question tells what they answer, and the judge has learned from articles: with its whole
weight 0.92 of stackfaq's questions find their answer first, with this share, as without it, 0.96.
"""


def ordered(hits: Sequence[Hit], judgement: Judgement, weight: float) -> list[Judged]:
    """Passages by their rank in the search and what their judgement adds, the best first.

    What was not judged counts as the worst that was: it was found to fit less already.
    """
    judged = [_judged(hit, judgement.logits[:, n], weight) for n, hit in enumerate(hits)]
    worst = min((each.logit for each in judged if each.logit is not None), default=None)
    judged = [
        each
        if each.logit is not None or worst is None
        else Judged(each.hit, each.hit.rank + _added(each.hit, worst, weight))
        for each in judged
    ]
    return sorted(judged, key=lambda each: -each.rank)


def _judged(hit: Hit, logits: Float32s, weight: float) -> Judged:
    if np.isnan(logits).all():
        return Judged(hit, hit.rank)
    reading = int(np.nanargmax(logits))
    logit = float(logits[reading])
    return Judged(hit, hit.rank + _added(hit, logit, weight), logit, reading)


def _added(hit: Hit, logit: float, weight: float) -> float:
    """What a judgement adds to a passage's rank, at most `2 * weight`: with the logit as it is one
    passage that the judge is very sure of outweighs all that speaks for another.

    Near 0 a unit of the logit adds `weight`; see `FAQ_SHARE` of questions with answers.
    """
    added = 2 * weight * math.tanh(logit / 2)
    return FAQ_SHARE * added if hit.entry.is_faq else added
