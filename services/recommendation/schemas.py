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
from shared.http.streams import PartitionAnswer, TopicAnswer
from shared.ranking.reasons import ReasonKind
from shared.ranking.recommender import Ranked
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


class StreamAnswer(TopicAnswer[PartitionAnswer]):
    """The platform's stream; counts are of the present topic, from the database.

    `topic_id` is null before the topic was seen. `phase` is what the stream host says, with the
    `reason` where it does not run. A tenant's key sees the tenant's counts; what is of all tenants
    or names a machine is null for it.
    """

    stored: int
    repeated: int
    conflicts: int


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
