"""What is said of a text: a score of the whole, and one for each entity in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.sentiment.labels import Label, likeliest


@dataclass(frozen=True, slots=True)
class Score:
    """Three probabilities, the likeliest label, and the immutable bundle that gave them."""

    negative: float
    neutral: float
    positive: float
    label: Label
    bundle: str

    @classmethod
    def of(cls, probabilities: Sequence[float], bundle: str) -> "Score":
        """The score of three probabilities in the order of `LABELS`."""
        negative, neutral, positive = probabilities
        return cls(negative, neutral, positive, likeliest(probabilities), bundle)


@dataclass(frozen=True, slots=True)
class Found:
    """An entity of a text: `surface` is what the text calls it where it first does.

    `stretches` are the characters `[start, end)` that name it. Where a caller names an entity that
    does not occur there are none, and `surface` is the name.
    """

    entity: str
    surface: str
    stretches: tuple[tuple[int, int], ...] = ()

    @property
    def start(self) -> int | None:
        """Where it is first named; None where it is not."""
        return self.stretches[0][0] if self.stretches else None

    @property
    def end(self) -> int | None:
        """Where that name ends."""
        return self.stretches[0][1] if self.stretches else None


@dataclass(frozen=True, slots=True)
class EntityScore:
    """What a text says of one of its entities."""

    found: Found
    score: Score


@dataclass(frozen=True, slots=True)
class Analysis:
    """The score of a text as a whole, and of each of its entities once."""

    score: Score
    entities: tuple[EntityScore, ...]
