"""What the recommendation application's routes take and give; events are in `incoming`."""

from collections.abc import Sequence
from typing import Annotated

import orjson
from pydantic import BaseModel, Field

from services.recommendation.incoming import (
    MAX_ITEMS,
    Fields,
    Incoming,
    Shown,
    Timestamp,
)
from services.recommendation.reading import TopicFigures
from shared.ranking.reasons import ReasonKind
from shared.ranking.recommender import Ranked
from shared.streaming.health import StreamState
from shared.streaming.places import beside_log, of_topic
from shared.validation.identifiers import Identifier

MAX_COUNT = 1000


class FeedbackAnswer(BaseModel):
    """What became of a request's events; all that is counted here is durable.

    Of those that are `stored`, `unchanged` are item events that told nothing new, and `older` are
    item events that told of fields of which a newer event had told: the item stays as it is.
    `repeated` were there already with the same content, `conflicts` are ids that were there with
    another one: the first one counts, and nothing was changed.
    """

    stored: int
    unchanged: int
    older: int
    repeated: int
    conflicts: int
    conflicting: list[str] = Field(description="The ids of the conflicts, at most 100 of them.")


class RankRequest(Incoming):
    """A ranking that is asked for, in Metarank's shape.

    With `items` each of them comes back once (also when it stands there twice, or is not known),
    cut to `count` where that is given: first what can be had, then unknown items, last what cannot
    be had, with no higher score; without them the service finds candidates among what is
    available and not seen yet. Without `timestamp` the time is now. A user or session that is not
    known is ranked for by context and popularity. Of the `fields`, `category` names the category
    and `item` the item that is looked at.
    """

    id: Identifier | None = None
    timestamp: Timestamp | None = None
    user: Identifier | None = None
    session: Identifier | None = None
    fields: Fields = Field(default_factory=list)
    items: Annotated[list[Shown], Field(max_length=MAX_ITEMS)] | None = None
    count: Annotated[int, Field(ge=1, le=MAX_ITEMS)] | None = None
    explain: bool = False


class ReasonAnswer(BaseModel):
    """Why an item stands where it does; `item` is the one that the words name."""

    kind: ReasonKind
    text: str
    item: str | None


class RankedAnswer(BaseModel):
    """An item; scores compare the items of one answer. Title, reasons, features by `explain`."""

    item: str
    score: float
    title: str | None = Field(None, description="Empty where no event has told one.")
    reasons: list[ReasonAnswer] | None = None
    features: dict[str, float | None] | None = Field(
        None, description="By name; null where nothing is known."
    )


class RankAnswer(BaseModel):
    """The best first; no item at all is an answer too. `took` is in milliseconds."""

    took: float
    items: list[RankedAnswer]


class PartitionAnswer(BaseModel):
    """How far a partition of the topic is stored.

    `end` is where the broker has it end, `lag` the records up to there that are not stored; both
    are null while the broker is not heard.
    """

    partition: int
    committed: int
    end: int | None
    lag: int | None


class StreamAnswer(BaseModel):
    """The platform's stream; counts are of the present topic, from the database.

    `topic_id` is null before the topic was seen. `phase` is what the stream host says, with the
    `reason` where it does not run. A tenant's key sees the tenant's counts; what is of all tenants
    or names a machine is null for it.
    """

    topic: str
    topic_id: str | None
    phase: str
    reason: str | None
    partitions: list[PartitionAnswer] | None
    stored: int
    repeated: int
    conflicts: int
    dead_letters: int | None
    rate: float | None = Field(description="Records stored a second, over the last ten.")

    def of_tenant(self) -> "StreamAnswer":
        """Without what is of all tenants together, and what names a machine."""
        hidden = ("topic_id", "reason", "partitions", "dead_letters", "rate")
        return self.model_copy(update=dict.fromkeys(hidden))

    @classmethod
    def of(
        cls,
        topic: str,
        figures: TopicFigures | None,
        state: StreamState,
        rate: float | None,
    ) -> "StreamAnswer":
        """The answer for what the database and the stream host say."""
        figures = of_topic(figures, state.log)
        partitions = beside_log([] if figures is None else figures.partitions, state.log)
        return cls(
            topic=topic,
            topic_id=(state.log.topic_id or None) if figures is None else figures.topic_id,
            phase=state.phase,
            reason=state.reason,
            partitions=[
                PartitionAnswer(
                    partition=one.partition, committed=one.committed, end=one.end, lag=one.lag
                )
                for one in partitions
            ],
            stored=0 if figures is None else figures.stored,
            repeated=0 if figures is None else figures.repeated,
            conflicts=0 if figures is None else figures.conflicts,
            dead_letters=0 if figures is None else figures.dead_letters,
            rate=rate,
        )


def rank_answer(took_ms: float, ranked: Sequence[Ranked], *, explain: bool) -> bytes:
    """A `RankAnswer` as JSON, without a model for each of ten thousand items."""
    items: list[dict[str, object]] = []
    for one in ranked:
        answer: dict[str, object] = {"item": one.item, "score": one.score}
        if explain:
            answer["title"] = one.title
            answer["reasons"] = [
                {"kind": why.kind, "text": why.text, "item": why.item} for why in one.reasons
            ]
            answer["features"] = one.features
        items.append(answer)
    return orjson.dumps({"took": round(took_ms, 3), "items": items})
