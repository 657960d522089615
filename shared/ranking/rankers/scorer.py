"""What gives candidates their scores."""

from typing import Protocol

from shared.ranking.arrays import Float32s


class Scorer(Protocol):
    """A linear blend, or a trained ranker."""

    def score(self, features: Float32s) -> Float32s:
        """The scores [n] of n items of one query by their `feature_matrix` [n, f]; more is better.

        Scores compare the items of one query, and nothing else.
        """
        ...
