"""The rankings of all tenants in memory, derived from stored events and vectors of one bundle."""

import itertools
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from services.recommendation.items import ItemKey
from services.recommendation.metrics import RANKING_SKIPPED
from services.recommendation.rankings.vectors import TenantVectors
from services.recommendation.store import StoredEvent
from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.events import ItemEvent
from shared.ranking.rankers.blend import LinearBlend
from shared.ranking.recommender import Recommender, RecommenderSettings
from shared.ranking.saved_arrays import Arrays
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState
from shared.ranking.vectors.index import VectorSettings
from shared.ranking.vectors.item_index import ItemIndex

LOGGER = logging.getLogger(__name__)

_EVENTS_A_TURN = 50
"""How many events are applied before a ranking that waits for the tenant's lock gets its turn."""

_ROWS_A_TURN = 4_000
"""How many vectors are copied before it does: of 384 numbers they take about two milliseconds."""


class Rankings:
    """What serves: every tenant's state, with vectors of `width` that `bundle` made.

    `apply` is called by one thread at a time, and `set_vectors` by one; the others by any.
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
        self._building = threading.Lock()

    def apply(self, events: Sequence[StoredEvent]) -> list[ItemKey]:
        """Takes stored events in order; returns the items that they tell of.

        An event that a fault of the program keeps from being applied is skipped and counted: it
        stays in the database, and a version without the fault applies it.
        """
        changed: list[ItemKey] = []
        for part in _turns(events):
            with self.recommender(part[0].tenant) as recommender:
                for one in part:
                    try:
                        recommender.state.apply(one.event)
                    except Exception:
                        # The edge: whoever sent it has been answered, and the next ones wait.
                        RANKING_SKIPPED.inc()
                        LOGGER.exception("an event is skipped", extra={"seq": one.seq})
            self.applied_seq = part[-1].seq
            changed += [
                (one.tenant, one.event.item) for one in part if isinstance(one.event, ItemEvent)
            ]
        return changed

    def dump(self) -> dict[str, Arrays]:
        """Every tenant's state but its vectors, for `restore`; nothing may be applied meanwhile."""
        return {
            name: tenant.recommender.state.arrays() for name, tenant in self._all_tenants().items()
        }

    def restore(self, seq: int, states: Mapping[str, Arrays]) -> None:
        """Takes states that hold all events up to `seq`; this one has no event yet.

        Raises:
            ArtifactError: they were not made by `dump`, or by other settings.
        """
        for name, arrays in states.items():
            with self.recommender(name) as recommender:
                recommender.state.restore(arrays)
        self.applied_seq = seq

    def clear(self) -> None:
        """Forgets everything; a process that serves must not see it."""
        with self._adding:
            self._tenants.clear()
        self.applied_seq = 0

    def take_items(self, events: Iterable[StoredEvent]) -> None:
        """Takes items as events told them that are deleted by now."""
        for one in events:
            with self.recommender(one.tenant) as recommender:
                recommender.state.apply(one.event)

    def _all_tenants(self) -> "dict[str, _Tenant]":
        with self._adding:
            return dict(self._tenants)

    def set_vectors(self, found: TenantVectors) -> None:
        """Gives items of a tenant their vectors; the next ranking uses them."""
        tenant = self._tenant(found.tenant)
        with tenant.lock:
            rows = tenant.recommender.set_vectors(found.items, found.vectors)
            if tenant.set_since is not None:
                tenant.set_since.append(rows)

    def has_vector(self, key: ItemKey) -> bool:
        """Whether an item has its vector here."""
        with self.recommender(key[0]) as recommender:
            catalogue = recommender.state.catalogue
            row = catalogue.row_of(key[1])
            return row is not None and bool(catalogue.has_vector[row])

    @property
    def needs_indexes(self) -> bool:
        """Whether searches would be faster with new indexes."""
        return any(tenant.needs_index for tenant in list(self._tenants.values()))

    def rebuild_indexes(self) -> None:
        """Rebuilds the indexes of which too much is searched one by one; they serve meanwhile.

        One thread builds at a time, others return at once. Vectors may be set meanwhile. Of a
        million items it takes about half a minute.
        """
        # Who sets vectors during a build is sent away, and may have made the next one necessary.
        while self.needs_indexes and self._building.acquire(blocking=False):
            try:
                for tenant in list(self._tenants.values()):
                    if tenant.needs_index:
                        tenant.rebuild(self._recommender_settings.vectors)
            finally:
                self._building.release()

    @contextmanager
    def recommender(self, tenant: str) -> Iterator[Recommender]:
        """A tenant's recommender, under its lock."""
        found = self._tenant(tenant)
        with found.lock:
            yield found.recommender

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

    `set_since` has the rows whose vectors were set while an index is built; None at other times.
    """

    recommender: Recommender
    lock: threading.Lock = field(default_factory=threading.Lock)
    set_since: list[Int64s] | None = None

    @property
    def needs_index(self) -> bool:
        """Whether searches would be faster with a new index."""
        index = self.recommender.index
        return index is not None and index.needs_rebuild

    def rebuild(self, settings: VectorSettings) -> None:
        """Builds an index beside the one that serves, and puts it in its place."""
        with self.lock:
            self.set_since = []
            rows = np.flatnonzero(self.recommender.state.catalogue.has_vector)
        try:
            index = ItemIndex(rows, self._copied(rows), settings)
            with self.lock:
                changed = np.unique(np.concatenate([rows[:0], *(self.set_since or [])]))
                index.put(changed, self.recommender.state.catalogue.vectors[changed])
                self.recommender.index = index
        finally:
            with self.lock:
                self.set_since = None

    def _copied(self, rows: Int64s) -> Float32s:
        """The vectors of some rows [n, d]; a ranking gets its turn after each part of them."""
        vectors = np.empty((len(rows), self.recommender.state.catalogue.width), np.float32)
        for start in range(0, len(rows), _ROWS_A_TURN):
            part = slice(start, start + _ROWS_A_TURN)
            with self.lock:
                vectors[part] = self.recommender.state.catalogue.vectors[rows[part]]
        return vectors


def _turns(events: Sequence[StoredEvent]) -> Iterator[list[StoredEvent]]:
    for _, of_tenant in itertools.groupby(events, lambda one: one.tenant):
        while part := list(itertools.islice(of_tenant, _EVENTS_A_TURN)):
            yield part
