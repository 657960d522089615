"""What tests ask of the figures that documents and cards claim."""

import math


def at_least(claimed: float, n: int) -> float:
    """The least that a share which is claimed of n examples must reach.

    The claims are of the same examples, so that only other hardware's rounding and what is not
    claimed to the last digit may differ: the margin is one standard error of a share of n.
    """
    return claimed - math.sqrt(claimed * (1 - claimed) / n)
