"""All that ranking knows of one tenant, in memory, derived from its events and vectors.

Nothing here is durable: a process that starts applies the stored events, to a state that was saved
as arrays or to an empty one. The caller holds a lock, since readers see views of columns that move
when they grow.
"""

from collections.abc import Sequence

import numpy as np

from shared.errors import ArtifactError
from shared.ranking.arrays import Float32s, Float64s, Int64s
from shared.ranking.behaviour.behaviour import Behaviour
from shared.ranking.behaviour.history import Past
from shared.ranking.catalogue import Catalogue
from shared.ranking.events import Event, InteractionEvent, ItemEvent, RankingEvent, UserEvent
from shared.ranking.query import Query
from shared.ranking.saved_arrays import Arrays, prefixed, under
from shared.ranking.settings import StateSettings


class RankingState:
    """A catalogue whose vectors have `width` dimensions, and the behaviour around it.

    The same events in any order give the same features, as long as no limit of `settings` forgets.
    """

    def __init__(self, width: int, settings: StateSettings) -> None:
        self.settings = settings
        self.catalogue = Catalogue(width)
        self.behaviour = Behaviour(settings)

    def arrays(self) -> Arrays:
        """All but the vectors, for `restore`; vectors may be set meanwhile, events not."""
        return {
            **prefixed("catalogue", self.catalogue.arrays()),
            **prefixed("behaviour", self.behaviour.arrays()),
        }

    def restore(self, arrays: Arrays) -> None:
        """Becomes what `arrays` was made of, by the same settings, without vectors.

        Raises:
            ArtifactError: the arrays do not fit each other, or one is missing.
        """
        try:
            self.catalogue.restore(under("catalogue", arrays))
            self.behaviour.restore(under("behaviour", arrays))
        except (KeyError, ValueError, IndexError) as error:
            raise ArtifactError(f"the arrays are not a state's: {error}") from error
        self.behaviour.grow(len(self.catalogue))

    def apply(self, event: Event) -> None:
        """Takes an event, of which each is given once.

        A ranking that was shown changes no feature: training joins it with what followed.
        """
        match event:
            case ItemEvent():
                self.catalogue.put(event)
                self.behaviour.grow(len(self.catalogue))
            case InteractionEvent():
                row = self.catalogue.see(event.item, event.timestamp_ms / 1000.0)
                self.behaviour.grow(len(self.catalogue))
                self.behaviour.add(event, row)
            case UserEvent():
                self.behaviour.put_user(event)
            case RankingEvent():
                pass

    def set_vectors(self, items: Sequence[str], vectors: Float32s) -> Int64s:
        """Sets unit vectors [n, d] of n items, which are known from now on; returns their rows."""
        rows = self.catalogue.set_vectors(items, vectors)
        self.behaviour.grow(len(self.catalogue))
        return rows

    def taste(self, query: Query) -> tuple[Past, Float32s]:
        """The newest positive interactions, and how much each counts [h].

        A weight decays with the half-life of taste, measured from the newest one, so that somebody
        who comes back after a year still has a taste.
        """
        past = self.behaviour.past(query).liked().newest(self.settings.taste_length)
        if not len(past):
            return past, np.zeros(0, np.float32)
        ages_s: Float64s = past.times_s[-1] - past.times_s
        shares = past.weights * np.exp2(-ages_s / self.settings.taste_half_life_s)
        return past, shares.astype(np.float32)
