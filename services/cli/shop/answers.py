"""What the recommendation application answers, as far as it is shown."""

from pydantic import BaseModel


class Why(BaseModel):
    """A reason in words."""

    text: str


class Place(BaseModel):
    """An item of a ranking, as far as it is shown."""

    item: str
    score: float
    title: str | None = None
    reasons: list[Why] | None = None
    features: dict[str, float | None] | None = None


class Ranking(BaseModel):
    """A ranking, the best first; `took` is in milliseconds."""

    took: float
    items: list[Place]


class FeedbackAnswer(BaseModel):
    """What became of the events of a request; `conflicting` are the ids of some conflicts.

    `unchanged` and `older` are of those that are `stored`: they changed no item.
    """

    stored: int
    unchanged: int = 0
    older: int = 0
    repeated: int
    conflicts: int
    conflicting: list[str] = []
