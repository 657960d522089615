"""Who asks for a ranking, when, and in which context."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.ranking.events import FieldValue, RankingEvent


@dataclass(frozen=True, slots=True)
class Query:
    """Made at `time_s` (Unix seconds) by a user, a session, both or neither.

    Of the `fields`, `category` names the category and `item` the item that is looked at; others
    are carried along. `shown` is for training alone: the items of the ranking that was shown, the
    first place first, from which the feature `position` reads.
    """

    user: str | None
    session: str | None
    time_s: float
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    shown: tuple[str, ...] = ()


def query_of(ranking: RankingEvent) -> Query:
    """The query that a stored ranking answered, with its items as shown."""
    time_s = ranking.timestamp_ms / 1000.0
    return Query(ranking.user, ranking.session, time_s, ranking.fields, ranking.items)
