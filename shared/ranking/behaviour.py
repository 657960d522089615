"""What people did, from which features read: histories, popularity, and items that go together.

Each event counts once: whoever stores events drops repeated ids. Their order does not matter.
"""

from collections.abc import Mapping

from shared.ranking.catalogue import tie_breaker
from shared.ranking.cooccurrence import Cooccurrence
from shared.ranking.events import FieldValue, InteractionEvent, UserEvent, interaction_weight
from shared.ranking.history import History, Past
from shared.ranking.popularity import Popularity
from shared.ranking.query import Query
from shared.ranking.settings import StateSettings

_MAX_TYPES = 1_000
"""Whoever sends more types of interactions than this has them all remembered as `OTHER_TYPE`."""

OTHER_TYPE = ""

_NO_FIELDS: Mapping[str, FieldValue] = {}


class Behaviour:
    """Histories of users and sessions, and what they add up to for each item."""

    def __init__(self, settings: StateSettings) -> None:
        self._settings = settings
        self.popularity = Popularity(settings.popularity_half_lives_s, settings.popular_kept)
        self.cooccurrence = Cooccurrence(
            settings.pair_distance, settings.pair_window_s, settings.neighbours_kept
        )
        self.type_names: list[str] = [OTHER_TYPE]
        self.interaction_count = 0
        self._types: dict[str, int] = {OTHER_TYPE: 0}
        self._users: dict[str, History] = {}
        self._sessions: dict[str, History] = {}
        self._user_fields: dict[str, tuple[int, int, Mapping[str, FieldValue]]] = {}

    def grow(self, count: int) -> None:
        """Makes room for `count` items in all."""
        self.popularity.grow(count)
        self.cooccurrence.grow(count)

    def put_user(self, event: UserEvent) -> None:
        """Takes a user's fields, unless a newer event has told them already."""
        told = (event.timestamp_ms, tie_breaker(event.id), event.fields)
        held = self._user_fields.get(event.user)
        if held is None or held[:2] < told[:2]:
            self._user_fields[event.user] = told

    def add(self, event: InteractionEvent, row: int) -> None:
        """Counts an interaction with the item of a row.

        What a user does in a session stands in both histories, so a pair within one session counts
        twice, and one from two sessions of a user once.
        """
        settings = self._settings
        weight = interaction_weight(event.type, event.fields, settings.interaction_weights)
        self.interaction_count += 1
        self.popularity.add(row, weight, event.timestamp_ms / 1000.0)
        for history, place in self.remember(event, row, weight):
            self.cooccurrence.add(history, place)

    def remember(
        self, event: InteractionEvent, row: int, weight: float
    ) -> list[tuple[History, int]]:
        """Takes an interaction into the histories alone, so that it tells nothing about others.

        Returns the histories of its user and its session, with the place that it has there; a
        history in which it is older than all that is kept is not among them.
        """
        length = self._settings.history_length
        kind, key = self._type(event.type), tie_breaker(event.id)
        found = []
        for histories, name in ((self._users, event.user), (self._sessions, event.session)):
            if name is None:
                continue
            history = histories.get(name)
            if history is None:
                history = histories[name] = History()
            place = history.insert(event.timestamp_ms, key, row, weight, kind, length)
            if place is not None:
                found.append((history, place))
        return found

    def past(self, query: Query) -> Past:
        """What the query's user and session did, as one history; empty for unknown ones."""
        user = self._users.get(query.user) if query.user is not None else None
        session = self._sessions.get(query.session) if query.session is not None else None
        if user is None or session is None:
            return (user or session or History()).past()
        return user.merged(session)

    def user_fields(self, user: str | None) -> Mapping[str, FieldValue]:
        """What is known of a user besides behaviour."""
        held = self._user_fields.get(user) if user is not None else None
        return _NO_FIELDS if held is None else held[2]

    def _type(self, name: str) -> int:
        code = self._types.get(name)
        if code is None:
            if len(self.type_names) > _MAX_TYPES:
                return self._types[OTHER_TYPE]
            code = self._types[name] = len(self.type_names)
            self.type_names.append(name)
        return code
