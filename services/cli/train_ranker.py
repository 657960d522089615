"""`banyan recommend train | promote | rollback`: rankers, beside a running platform."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from sqlalchemy import make_url

from pipelines.ranking.gates import Gate
from pipelines.ranking.promotion import fingerprint, promote, register
from pipelines.ranking.replay import ReplayedQueries, replay
from pipelines.ranking.train import fit
from pipelines.ranking.train_settings import TrainSettings
from services.recommendation.config import RecommendationSettings
from services.recommendation.database import SCHEMA
from services.recommendation.rankings.vectors import VectorStore
from services.recommendation.reading import FeedbackReader
from shared.artifacts import promotion
from shared.artifacts.aliases import CANDIDATE
from shared.errors import InputError, NotFoundError
from shared.ranking.arrays import Float32s
from shared.ranking.events import Event
from shared.ranking.rankers.bundle import check_model_name
from shared.ranking.rankers.registry import open_rankers
from shared.storage.database import Database

_EXIT_NOT_SERVED = 1


@dataclass(frozen=True, slots=True)
class TrainingEvents:
    """A tenant's events, and unit vectors [n, d] of n items."""

    events: Sequence[Event]
    items: Sequence[str]
    vectors: Float32s

    def queries(self, settings: RecommendationSettings, how: TrainSettings) -> ReplayedQueries:
        """The events, replayed.

        Raises:
            InputError: there is too little behaviour.
        """
        return replay(
            self.events, self.items, self.vectors, how, settings.state, settings.recommender
        )


def train(
    settings: RecommendationSettings,
    model: str,
    tenant: str,
    out: Path | None,
    how: TrainSettings | None = None,
) -> int:
    """Trains on a tenant's events; the candidate below `out`, by default where the service reads.

    It serves if its gates hold; returns 1 if one does not.

    Raises:
        InputError: there are no events, no vectors, too little behaviour, or the name is none.
        DependencyError: the database does not answer.
    """
    check_model_name(model)
    how = how or TrainSettings()
    console = _console()
    stored = _stored(settings, tenant, console)
    with console.status(f"living through {len(stored.events)} events once more"):
        queries = stored.queries(settings, how)
    with console.status(f"training on {len(queries.early)} queries"):
        trained = fit(queries, how)
    registry = open_rankers(out or settings.rankers_dir)
    bundle = register(
        registry,
        model,
        trained,
        queries.last,
        how,
        data_fingerprint=fingerprint(stored.events, stored.items, stored.vectors),
        command=(command := _command("train", "--model", model, "--tenant", tenant)),
    )
    console.print(f"{bundle.id} is the candidate: {bundle.folder}", markup=False)
    gates = promote(registry, bundle.id, queries.last, how.margin, command=command)
    return _say(console, bundle.id, gates)


def promote_again(
    settings: RecommendationSettings, model: str, tenant: str, bundle_id: str | None
) -> int:
    """Judges a bundle, by default the candidate, by the events that are stored now.

    It serves if its gates hold; returns 1 if one does not.

    Raises:
        NotFoundError: there is no such bundle, or no candidate.
        InputError: there are no events, no vectors, or too little behaviour.
        ArtifactError: the bundle is corrupt, or was trained on other features.
        DependencyError: the database does not answer.
    """
    registry = open_rankers(settings.rankers_dir)
    bundle_id = bundle_id or registry.named(check_model_name(model), CANDIDATE)
    if bundle_id is None:
        raise NotFoundError(f"{model} has no candidate: `banyan recommend train` makes one")
    registry.bundle(bundle_id)
    how, console = TrainSettings(), _console()
    stored = _stored(settings, tenant, console)
    with console.status(f"living through {len(stored.events)} events once more"):
        queries = stored.queries(settings, how)
    command = _command("promote", bundle_id, "--model", model, "--tenant", tenant)
    gates = promote(registry, bundle_id, queries.last, how.margin, command=command)
    return _say(console, bundle_id, gates)


def roll_back(settings: RecommendationSettings, model: str) -> int:
    """Lets the ranker serve again that served before.

    Raises:
        NotFoundError: none served before.
        ConflictError: another promotion or rollback is under way.
        ArtifactError: it is corrupt, or was trained on other features.
    """
    rankers = open_rankers(settings.rankers_dir)
    command = _command("rollback", "--model", model)
    _, now = promotion.roll_back(
        rankers, check_model_name(model), command=command, at_s=time.time()
    )
    _console().print(f"{now} serves from the next request on", markup=False)
    return 0


def _command(*words: str) -> str:
    return shlex.join(["banyan", "recommend", *words])


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _stored(settings: RecommendationSettings, tenant: str, console: Console) -> TrainingEvents:
    _check_file(settings.resolved_database_url)
    database = Database(settings.resolved_database_url, schema=SCHEMA)
    try:
        with console.status(f"reading the events of {tenant}"):
            events = list(FeedbackReader(database).replay(tenant))
            items, vectors = _vectors(VectorStore(database), tenant)
    finally:
        database.close()
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
    return [item for part in parts for item in part.items], np.concatenate(
        [part.vectors for part in parts]
    )


def _say(console: Console, bundle_id: str, gates: Sequence[Gate]) -> int:
    for gate in gates:
        console.print(str(gate), style=None if gate.holds else "red", markup=False)
    if all(gate.holds for gate in gates):
        console.print(f"{bundle_id} serves from the next request on", markup=False)
        return 0
    console.print(f"{bundle_id} does not serve; nothing has changed", style="red", markup=False)
    return _EXIT_NOT_SERVED
