"""The rankings of all tenants in memory, derived from stored events and vectors of one bundle."""

import itertools
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.recommendation.metrics import RANKING_SKIPPED
from services.recommendation.store import StoredEvent
from services.recommendation.vectors import ItemKey, TenantVectors
from shared.ranking.blend import LinearBlend
from shared.ranking.events import ItemEvent
from shared.ranking.filters import Filters
from shared.ranking.item_index import ItemIndex
from shared.ranking.query import Query
from shared.ranking.recommender import Ranked, Recommender, RecommenderSettings
from shared.ranking.scorer import Scorer
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState
from shared.ranking.vectors import VectorSettings

LOGGER = logging.getLogger(__name__)

_EVENTS_A_TURN = 50
"""How many events are applied before a ranking that waits for the tenant's lock gets its turn."""


@dataclass(frozen=True, slots=True)
class RankCall:
    """A ranking that is asked for; without `items` candidates are found, which `filters` pass."""

    query: Query
    items: Sequence[str] | None
    count: int | None
    filters: Filters = field(default_factory=Filters)
    explain: bool = False


class Rankings:
    """What serves: every tenant's state, with vectors of `width` that `bundle` made.

    `apply` and `set_vectors` are called by one thread at a time, the others by any.
    """

    def __init__(
        self, bundle: str, width: int, state: StateSettings, recommender: RecommenderSettings
    ) -> None:
        self.bundle = bundle
        self.width = width
        self.applied_seq = 0
        self._state_settings = state
        self._recommender_settings = recommender
        self._tenants: dict[str, _Tenant] = {}
        self._adding = threading.Lock()

    def apply(self, events: Sequence[StoredEvent]) -> list[ItemKey]:
        """Takes stored events in order; returns the items that they tell of.

        An event that a fault of the program keeps from being applied is skipped and counted: it
        stays in the database, and a version without the fault applies it.
        """
        changed: list[ItemKey] = []
        for part in _turns(events):
            tenant = self._tenant(part[0].tenant)
            with tenant.lock:
                for one in part:
                    try:
                        tenant.recommender.state.apply(one.event)
                    except Exception:
                        # The edge: whoever sent it has been answered, and the next ones wait.
                        RANKING_SKIPPED.inc()
                        LOGGER.exception("an event is skipped", extra={"seq": one.seq})
            self.applied_seq = part[-1].seq
            changed += [
                (one.tenant, one.event.item) for one in part if isinstance(one.event, ItemEvent)
            ]
        return changed

    def set_vectors(self, found: TenantVectors) -> None:
        """Gives items of a tenant their vectors; the next ranking uses them."""
        tenant = self._tenant(found.tenant)
        with tenant.lock:
            tenant.recommender.set_vectors(found.items, found.vectors)
        tenant.unindexed += len(found.items)

    def has_vector(self, key: ItemKey) -> bool:
        """Whether an item has its vector here."""
        tenant = self._tenant(key[0])
        with tenant.lock:
            catalogue = tenant.recommender.state.catalogue
            row = catalogue.row_of(key[1])
            return row is not None and bool(catalogue.has_vector[row])

    def rebuild_indexes(self) -> None:
        """Builds the indexes anew of which too much is searched one by one; they serve meanwhile.

        No vector may be set meanwhile. Of a million items it takes about half a minute.
        """
        for tenant in list(self._tenants.values()):
            if tenant.needs_index:
                with tenant.lock:
                    catalogue = tenant.recommender.state.catalogue
                    rows = np.flatnonzero(catalogue.has_vector)
                    vectors = catalogue.vectors[rows]
                index = ItemIndex.build(rows, vectors)
                with tenant.lock:
                    tenant.recommender.index = index
                tenant.unindexed = 0

    def rank(self, tenant: str, scorer: Scorer, call: RankCall) -> list[Ranked]:
        """See `Recommender.rank`."""
        found = self._tenant(tenant)
        with found.lock:
            found.recommender.scorer = scorer
            return found.recommender.rank(
                call.query, call.items, call.count, call.filters, explain=call.explain
            )

    def similar(self, tenant: str, item: str, count: int) -> list[Ranked]:
        """See `Recommender.similar`.

        Raises:
            NotFoundError: no event has named the item.
        """
        found = self._tenant(tenant)
        with found.lock:
            return found.recommender.similar(item, count)

    def popular(self, tenant: str, count: int, category: str | None, time_s: float) -> list[Ranked]:
        """See `Recommender.popular`."""
        found = self._tenant(tenant)
        with found.lock:
            return found.recommender.popular(count, category, time_s)

    def _tenant(self, name: str) -> "_Tenant":
        with self._adding:
            tenant = self._tenants.get(name)
            if tenant is None:
                state = RankingState(self.width, self._state_settings)
                recommender = Recommender(state, None, LinearBlend(), self._recommender_settings)
                tenant = self._tenants[name] = _Tenant(recommender)
            return tenant


@dataclass(slots=True)
class _Tenant:
    """A tenant's recommender, to be used under its lock.

    `unindexed` counts the vectors that were set since its index was built.
    """

    recommender: Recommender
    lock: threading.Lock = field(default_factory=threading.Lock)
    unindexed: int = 0

    @property
    def needs_index(self) -> bool:
        """Whether searches would be faster with a new index."""
        index = self.recommender.index
        settings = VectorSettings()
        is_large = index is not None and len(index) >= settings.exact_below
        return is_large and self.unindexed > settings.fresh_at_most


def _turns(events: Sequence[StoredEvent]) -> Iterator[list[StoredEvent]]:
    for _, of_tenant in itertools.groupby(events, lambda one: one.tenant):
        while part := list(itertools.islice(of_tenant, _EVENTS_A_TURN)):
            yield part
