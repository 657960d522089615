"""What the sentiment application's routes take and give; times are Unix seconds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from services.sentiment.alerts.record import AlertRecord, AlertState
from services.sentiment.analysis.scores import Analysis, EntityScore, Score
from services.sentiment.news import Entities, Entity, Text
from shared.http import streams
from shared.validation.body import RequestBody

MAX_TEXTS = 256

WINDOW_SIZES_S = {"5m": 300, "1h": 3_600, "1d": 86_400}
WindowName = Literal["5m", "1h", "1d"]
EntityName = Literal[""] | Entity
"""An entity; '' stands for all news."""


class AnalyzeRequest(RequestBody):
    """Texts to judge; `entities[i]` are those that text i is judged for.

    Without `entities`, or with null in a text's place, they are found in the text; an empty list
    asks for none. A name that does not occur in its text is judged all the same.
    """

    texts: Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]
    entities: Annotated[list[Entities | None], Field(max_length=MAX_TEXTS)] | None = None

    @field_validator("entities")
    @classmethod
    def _as_many(
        cls, value: list[list[str] | None] | None, info: ValidationInfo
    ) -> list[list[str] | None] | None:
        texts = info.data.get("texts")
        if value is not None and texts is not None and len(value) != len(texts):
            raise ValueError(
                f"{len(value)} lists for {len(texts)} texts: send one for each text, null where "
                "they are to be found"
            )
        return value


class Scores(BaseModel):
    """Probabilities of the three labels; they sum to 1."""

    negative: float
    neutral: float
    positive: float

    @classmethod
    def of(cls, score: Score) -> "Scores":
        """The answer for a score."""
        return cls(
            negative=round(score.negative, 6),
            neutral=round(score.neutral, 6),
            positive=round(score.positive, 6),
        )


class EntityAnswer(BaseModel):
    """An entity as its text names it; `start` and `end` are null where it does not."""

    text: str
    entity: str = Field(description="Under which name it is counted in trends and alerts.")
    start: int | None
    end: int | None
    label: str
    scores: Scores

    @classmethod
    def of(cls, one: EntityScore) -> "EntityAnswer":
        """The answer for an entity's score."""
        return cls(
            text=one.found.surface,
            entity=one.found.entity,
            start=one.found.start,
            end=one.found.end,
            label=one.score.label,
            scores=Scores.of(one.score),
        )


class TextAnswer(BaseModel):
    """What one text says, as a whole and of each entity."""

    index: int
    label: str
    scores: Scores
    entities: list[EntityAnswer]

    @classmethod
    def of(cls, index: int, analysis: Analysis) -> "TextAnswer":
        """The answer for an analysis."""
        return cls(
            index=index,
            label=analysis.score.label,
            scores=Scores.of(analysis.score),
            entities=[EntityAnswer.of(one) for one in analysis.entities],
        )


class AnalyzeAnswer(BaseModel):
    """One answer for each text, in order."""

    data: list[TextAnswer]


class TrendPoint(BaseModel):
    """One window of event time, its start included and its end not.

    `score` is the share of positive texts less that of negative ones; `share` that of negative
    ones. Both are null where there is no text. A `final` window is changed by late records alone.
    """

    start: int
    end: int
    negative: int
    neutral: int
    positive: int
    total: int
    share: float | None
    score: float | None
    late: int = Field(description="Texts that came after the allowed lateness; counted above too.")
    final: bool


class TrendAnswer(BaseModel):
    """Windows in order, also those without a text; the entity '' stands for all news."""

    entity: str
    window: WindowName
    watermark: float | None
    points: list[TrendPoint]


class EntityTotal(BaseModel):
    """How often an entity was named, and how."""

    entity: str
    negative: int
    neutral: int
    positive: int
    total: int


class EntityList(BaseModel):
    """The entities that were named most often."""

    entities: list[EntityTotal]


class AlertAnswer(BaseModel):
    """One episode of negative news about an entity; the entity '' stands for all news.

    `figures` are those that brought it into its state, `drivers` the texts behind them.
    """

    uid: str
    fingerprint: str
    entity: str
    state: AlertState
    started_at: float
    fired_at: float | None
    resolved_at: float | None
    figures: dict[str, Any]
    drivers: list[dict[str, Any]]
    version: int

    @classmethod
    def of(cls, alert: AlertRecord) -> "AlertAnswer":
        """The answer for an alert."""
        return cls.model_validate(alert.as_json())


class AlertList(BaseModel):
    """Alerts, the newest first."""

    alerts: list[AlertAnswer]


class PartitionAnswer(streams.PartitionAnswer):
    """How far a partition of the topic is stored, and whether it is idle.

    `end` is where the broker has it end, `lag` the records up to there that are not stored; both
    are null while the broker is not heard.
    """

    idle: bool


class StreamAnswer(streams.TopicAnswer[PartitionAnswer]):
    """The platform's stream; counts are of the present topic, from the database.

    `topic_id` is null before the topic was seen. `phase` is what the stream host says, with the
    `reason` where it does not run. A tenant's key sees the tenant's counts; what is of all tenants
    or names a machine is null for it.
    """

    hidden = (*streams.TopicAnswer.hidden, "bootstrap")

    bootstrap: str | None
    scored: int
    duplicates: int
    conflicts: int
    late: int
    watermark: float | None
