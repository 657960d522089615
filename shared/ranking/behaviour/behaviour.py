"""What people did, from which features read: histories, popularity, and items that go together.

Each event counts once: whoever stores events drops repeated ids. Their order does not matter.
"""

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import orjson

from shared.ranking.arrays import Int64s
from shared.ranking.behaviour.cooccurrence import Cooccurrence
from shared.ranking.behaviour.fields import MergedFields
from shared.ranking.behaviour.histories import Histories
from shared.ranking.behaviour.history import History, Past
from shared.ranking.behaviour.popularity import Popularity
from shared.ranking.catalogue import tie_breaker
from shared.ranking.events import FieldValue, InteractionEvent, UserEvent, interaction_weight
from shared.ranking.query import Query
from shared.ranking.saved_arrays import Arrays, prefixed, read_texts, texts, under
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
        self._users = Histories(settings.users_kept)
        self._sessions = Histories(settings.sessions_kept, settings.session_kept_s)
        self._user_fields: OrderedDict[str, MergedFields] = OrderedDict()

    def grow(self, count: int) -> None:
        """Makes room for `count` items in all."""
        self.popularity.grow(count)
        self.cooccurrence.grow(count)

    def arrays(self) -> Arrays:
        """All of it, for `restore`; nothing may happen meanwhile."""
        fields = [[name, one.values, one.ages] for name, one in list(self._user_fields.items())]
        return {
            "interaction_count": np.array([self.interaction_count], np.int64),
            **texts("types", self.type_names),
            **prefixed("popularity", self.popularity.arrays()),
            **prefixed("cooccurrence", self.cooccurrence.arrays()),
            **prefixed("users", self._users.arrays()),
            **prefixed("sessions", self._sessions.arrays()),
            "user_fields": np.frombuffer(orjson.dumps(fields), np.uint8),
        }

    def restore(self, arrays: Arrays) -> None:
        """Becomes what `arrays` was made of, by the same settings.

        Raises:
            ArtifactError: the arrays do not fit each other.
        """
        self.interaction_count = int(arrays["interaction_count"][0])
        self.type_names = read_texts("types", arrays)
        self._types = {name: code for code, name in enumerate(self.type_names)}
        self.popularity.restore(under("popularity", arrays))
        self.cooccurrence.restore(under("cooccurrence", arrays))
        self._users.restore(under("users", arrays))
        self._sessions.restore(under("sessions", arrays))
        self._user_fields = OrderedDict(
            (name, MergedFields.of(values, ages))
            for name, values, ages in orjson.loads(arrays["user_fields"].tobytes())
        )

    def put_user(self, event: UserEvent) -> None:
        """Takes those of a user's fields that no newer event has told."""
        held = self._user_fields.setdefault(event.user, MergedFields())
        held.take(event.fields, (event.timestamp_ms, tie_breaker(event.id)))
        self._user_fields.move_to_end(event.user)
        if len(self._user_fields) > self._settings.users_kept:
            self._user_fields.popitem(last=False)

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
        histories: list[History] = []
        if event.user is not None:
            histories.append(self._users.open(event.user, event.timestamp_ms))
        if event.session is not None:
            histories.append(self._sessions.open(event.session, event.timestamp_ms))
        for history in histories:
            place = history.insert(event.timestamp_ms, key, row, weight, kind, length)
            if place is not None:
                found.append((history, place))
        return found

    def past(self, query: Query) -> Past:
        """What the query's user and session did, as one history; empty for unknown ones."""
        histories = self._histories(query)
        if len(histories) == 2:
            return histories[0].merged(histories[1])
        return (histories or [History()])[0].past()

    def met(self, query: Query) -> Int64s:
        """The rows of all items that the query's user and session ever met, rising, each once.

        Longer ago than histories are kept, too.
        """
        rows = [history.met() for history in self._histories(query)]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *rows]))

    def user_fields(self, user: str | None) -> Mapping[str, FieldValue]:
        """What is known of a user besides behaviour."""
        held = self._user_fields.get(user) if user is not None else None
        return _NO_FIELDS if held is None else held.values

    def _histories(self, query: Query) -> list[History]:
        user = self._users.get(query.user) if query.user is not None else None
        session = self._sessions.get(query.session) if query.session is not None else None
        return [history for history in (user, session) if history is not None]

    def _type(self, name: str) -> int:
        code = self._types.get(name)
        if code is None:
            if len(self.type_names) > _MAX_TYPES:
                return self._types[OTHER_TYPE]
            code = self._types[name] = len(self.type_names)
            self.type_names.append(name)
        return code
