"""What the sentiment application answers, as far as it is shown."""

from datetime import datetime

from pydantic import BaseModel


class Score(BaseModel):
    """A label and the probability of each."""

    label: str
    scores: dict[str, float]


class EntityScore(Score):
    """What the text says of one name; `entity` is the name under which it is counted."""

    text: str
    entity: str

    @property
    def about(self) -> str:
        """The name in the text, and whom it means where that has another name."""
        return self.text if self.text == self.entity else f"{self.text} ({self.entity})"


class Analysis(Score):
    """What a text says, and of whom."""

    entities: list[EntityScore]


class Figures(BaseModel):
    """What was compared, as far as it is shown."""

    negative: int
    total: int
    expected_negative: float
    window_s: int


class Driver(BaseModel):
    """A text that drove an alert."""

    text: str


class Alert(BaseModel):
    """An alert as the platform tells it; the entity '' stands for all news."""

    uid: str
    entity: str
    state: str
    started_at: datetime
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    figures: Figures
    drivers: list[Driver] = []

    @property
    def about(self) -> str:
        """Whom it is about, in words."""
        return self.entity or "all news"

    @property
    def reason(self) -> str:
        """The figures that caused it, in words."""
        figures = self.figures
        return (
            f"{figures.negative} of {figures.total} texts in {figures.window_s // 60} min are "
            f"negative, {figures.expected_negative:.1f} were to be expected"
        )


class Point(BaseModel):
    """One window; `score` is the share of positive texts less that of negative ones."""

    negative: int
    positive: int
    total: int
    score: float | None


class Counts(BaseModel):
    """How often an entity was named in all, and how."""

    entity: str
    negative: int
    positive: int
    total: int
