"""What a tenant's rankers learn from: its stored events, and the vectors of its items."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from sqlalchemy import make_url

from pipelines.ranking.replay import ReplayedQueries, replay
from pipelines.ranking.train_settings import TrainSettings
from services.recommendation.config import RecommendationSettings
from services.recommendation.rankings.vectors import VectorStore
from services.recommendation.reading import FeedbackReader
from shared.errors import InputError
from shared.ranking.arrays import Float32s
from shared.ranking.events import Event
from shared.storage.database import Database


@dataclass(frozen=True, slots=True)
class TrainingEvents:
    """A tenant's events, and unit vectors [n, d] of n items."""

    events: Sequence[Event]
    items: Sequence[str]
    vectors: Float32s

    def queries(
        self, settings: RecommendationSettings, how: TrainSettings, console: Console
    ) -> ReplayedQueries:
        """The events, replayed.

        Raises:
            InputError: there is too little behaviour.
        """
        with console.status(f"replaying {len(self.events)} events"):
            return replay(
                self.events, self.items, self.vectors, how, settings.state, settings.recommender
            )


def read_events(settings: RecommendationSettings, tenant: str, console: Console) -> TrainingEvents:
    """Reads them from the application's database.

    Raises:
        InputError: there are no events, or no vectors.
        DependencyError: the database does not answer.
    """
    _check_file(settings.resolved_database_url)
    with (
        closing(Database(settings.resolved_database_url, schema=settings.database)) as database,
        console.status(f"reading the events of {tenant}"),
    ):
        events = list(FeedbackReader(database).replay(tenant))
        items, vectors = _vectors(VectorStore(database), tenant)
    if not events:
        raise InputError(f"the tenant {tenant!r} has no events: `banyan recommend load` loads some")
    return TrainingEvents(events, items, vectors)


def _check_file(url: str) -> None:
    """A file that is not there must not be made by looking: the service makes it."""
    named = make_url(url)
    if named.get_backend_name() == "sqlite" and not Path(str(named.database)).is_file():
        raise InputError(
            f"{named.database} is not there: `banyan up`, then `banyan recommend load` make it"
        )


def _vectors(store: VectorStore, tenant: str) -> tuple[Sequence[str], Float32s]:
    """A tenant's items that have a vector, and their vectors [n, d]."""
    bundle = store.serving()
    parts = [] if bundle is None else [p for p in store.load(bundle.id) if p.tenant == tenant]
    if not parts:
        raise InputError(
            f"no item of the tenant {tenant!r} has a vector: they are made while `banyan up` runs"
        )
    items = [item for part in parts for item in part.items]
    return items, np.concatenate([part.vectors for part in parts])
