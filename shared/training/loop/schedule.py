"""Learning rates as a function of how far the run is."""

import math
from typing import Literal

Schedule = Literal["cosine", "linear"]


def learning_rate_factor(progress: float, *, warmup: float, schedule: Schedule) -> float:
    """What to multiply the highest learning rate with, in 0..1.

    `progress` is the share of all examples of all epochs seen so far. The factor rises linearly
    during the share `warmup`, then falls to 0 at the end. A function of progress alone: a
    schedule has nothing to store and nothing to restore.
    """
    if progress < warmup:
        return progress / warmup
    rest = (min(progress, 1.0) - warmup) / (1.0 - warmup)
    return 0.5 * (1.0 + math.cos(math.pi * rest)) if schedule == "cosine" else 1.0 - rest
