"""`banyan recommend train`: a ranker from the events that are stored, beside a running platform."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import orjson
from rich.console import Console
from sqlalchemy import make_url

from pipelines.ranking.train import Trained, TrainSettings, fit, replay
from services.recommendation.config import RecommendationSettings
from services.recommendation.database import SCHEMA
from services.recommendation.reading import FeedbackReader
from services.recommendation.scorers import CARD_FILE, RANKER_FILE, activate
from services.recommendation.vectors import VectorStore
from shared.errors import InputError
from shared.files import new_folder, write_atomic
from shared.ranking.arrays import Float32s
from shared.ranking.feature_table import feature_names
from shared.storage.database import Database

_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NAME_CHARS = 12
_EXIT_NOT_SERVED = 1


def train(settings: RecommendationSettings, model: str, tenant: str, out: Path | None) -> int:
    """Trains on a tenant's events and publishes below `out`, by default where the service reads.

    Returns 1 where the ranker orders the later questions worse than the blend: it is kept and does
    not serve.

    Raises:
        InputError: there are no events, no vectors, too little behaviour, or the name is none.
        DependencyError: the database does not answer.
    """
    if not _MODEL_NAME.fullmatch(model):
        raise InputError(f"the model {model!r}: use a-z, 0-9, '-' and '_', at most 63 characters")
    _check_file(settings.resolved_database_url)
    console = Console(highlight=False, soft_wrap=True)
    database = Database(settings.resolved_database_url, schema=SCHEMA)
    try:
        with console.status(f"reading the events of {tenant}"):
            events = list(FeedbackReader(database).replay(tenant))
            items, vectors = _vectors(VectorStore(database), tenant)
    finally:
        database.close()
    if not events:
        raise InputError(f"the tenant {tenant!r} has no events: `banyan recommend load` loads some")
    how = TrainSettings()
    with console.status(f"living through {len(events)} events once more"):
        training = replay(events, items, vectors, how, settings.state)
    with console.status(f"training on {len(training.groups)} questions"):
        trained = fit(training, how)
    root = out or settings.rankers_dir
    folder = _written(root / model, trained, how)
    if trained.is_better:
        activate(root, model, folder.name)
    _say(console, model, trained, folder)
    return 0 if trained.is_better else _EXIT_NOT_SERVED


def _check_file(url: str) -> None:
    """A file that is not there must not be made by looking: the service makes it."""
    named = make_url(url)
    if named.get_backend_name() == "sqlite" and not Path(str(named.database)).is_file():
        raise InputError(
            f"{named.database} is not there: `banyan up`, then `banyan recommend load` make it"
        )


def _vectors(store: VectorStore, tenant: str) -> tuple[Sequence[str], Float32s]:
    """A tenant's items that have a vector, and their vectors [n, d]."""
    bundle = store.commonest()
    parts = [] if bundle is None else [p for p in store.load(bundle[0]) if p.tenant == tenant]
    if not parts:
        raise InputError(
            f"no item of the tenant {tenant!r} has a vector: they are made while `banyan up` runs"
        )
    return [item for part in parts for item in part.items], np.concatenate(
        [part.vectors for part in parts]
    )


def _written(root: Path, trained: Trained, how: TrainSettings) -> Path:
    """The ranker's folder below `root`, named by its trees: the same ones are written once."""
    digest = hashlib.sha256(trained.model.encode()).hexdigest()
    folder = root / digest[:_NAME_CHARS]
    if folder.exists():
        return folder
    figures = {name: value for name, value in asdict(trained).items() if name != "model"}
    card = {
        "sha256": digest,
        "features": list(feature_names()),
        "figures": figures,
        "is_better_than_the_blend": trained.is_better,
        "settings": how.model_dump(mode="json"),
    }
    with new_folder(folder) as aside:
        write_atomic(aside / RANKER_FILE, trained.model.encode())
        write_atomic(aside / CARD_FILE, orjson.dumps(card, option=orjson.OPT_INDENT_2))
    return folder


def _say(console: Console, model: str, trained: Trained, folder: Path) -> None:
    console.print(
        f"nDCG@10 on {trained.validation_questions} later questions: {trained.ranker_ndcg:.4f} "
        f"trained on {trained.training_questions} earlier ones, {trained.blend_ndcg:.4f} the blend"
    )
    if trained.is_better:
        console.print(f"{model} serves from the next request on: {folder}", markup=False)
    else:
        console.print(f"it is worse than the blend, so it does not serve: {folder}", style="red")
