"""Trains the ranker from stored events, by living through them once more.

The events are applied in the order of time to an empty state, as the service applied them. Before a
question is applied its features are computed by the functions that serve; so a feature cannot know
what came later. A question is a ranking that was shown and answered by interactions, or an
interaction of which no ranking is known: then what could have been shown are the candidates of that
moment. LightGBM learns LambdaMART on the earlier questions and stops by the later ones.

Source: Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import lightgbm
import numpy as np
from pydantic import Field

from shared.config import Settings
from shared.errors import InputError
from shared.files import new_folder, sha256_file, write_atomic
from shared.metrics.retrieval import Float64s
from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.blend import LinearBlend
from shared.ranking.candidates import CandidateSettings, candidates
from shared.ranking.events import (
    Event,
    InteractionEvent,
    InteractionWeights,
    ItemEvent,
    RankingEvent,
    interaction_weight,
)
from shared.ranking.feature_table import feature_matrix, feature_names
from shared.ranking.filters import Filters
from shared.ranking.item_index import ItemIndex
from shared.ranking.query import Query, query_of
from shared.ranking.ranker import LightGbmRanker
from shared.ranking.scorer import Scorer
from shared.ranking.settings import StateSettings
from shared.ranking.state import RankingState

RANKER_FILE = "ranker.txt"
MANIFEST_FILE = "manifest.json"
_K = 10
_FEWEST_QUESTIONS = 20


class TrainSettings(Settings):
    """How the ranker is trained.

    - `questions`: so many are learned from, drawn from all after the first `warm_up` share of the
      events, in which the state is too empty to be like the one that serves.
    - `items`: the most items of a question that are kept, those chosen and others at random.
    - `validation`: the share of the questions, the latest ones, that decides when to stop.
    - `leaves`, `smallest_leaf`, `learning_rate`, `rounds`, `patience`: LightGBM's trees.
    """

    questions: int = Field(4_000, ge=_FEWEST_QUESTIONS)
    warm_up: float = Field(0.2, ge=0, lt=1)
    items: int = Field(150, ge=2)
    validation: float = Field(0.2, gt=0, lt=1)
    leaves: int = Field(15, ge=2)
    smallest_leaf: int = Field(50, ge=1)
    learning_rate: float = Field(0.05, gt=0)
    rounds: int = Field(400, ge=1)
    patience: int = Field(30, ge=1)
    threads: int = Field(1, ge=1)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Questions one after another in the order of time.

    `features` [m, f] and `labels` [m] (0 is not chosen, up to 3) are the items of all questions,
    of which question i has `groups[i]`.
    """

    features: Float32s
    labels: Int64s
    groups: Int64s


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and what the later questions say: nDCG@10 of its order and of the blend's."""

    model: str
    ranker_ndcg: float
    blend_ndcg: float
    training_questions: int
    validation_questions: int
    rounds: int

    @property
    def is_better(self) -> bool:
        """The gate: a ranker that orders worse than the blend is not to be served."""
        return self.ranker_ndcg >= self.blend_ndcg


def replay(
    events: Sequence[Event],
    items: Sequence[str],
    vectors: Float32s,
    settings: TrainSettings,
    state_settings: StateSettings | None = None,
) -> TrainingSet:
    """The training set of events in any order, with unit vectors [n, d] of n items.

    Raises:
        InputError: there are too few questions to learn from.
    """
    weights = (state_settings or StateSettings()).interaction_weights
    ordered = sorted(events, key=lambda event: (event.timestamp_ms, event.id))
    labels = _labels(ordered, weights)
    generator = np.random.default_rng(settings.seed)
    asked = _asked(ordered, labels, settings, generator)
    # What items are is no behaviour: catalogue and vectors are known from the start.
    state = RankingState(vectors.shape[1], state_settings or StateSettings())
    for event in ordered:
        if isinstance(event, ItemEvent):
            state.apply(event)
    index = ItemIndex.build(state.set_vectors(items, vectors), vectors)
    parts: list[tuple[Float32s, Int64s]] = []
    for place, event in enumerate(ordered):
        if isinstance(event, ItemEvent):
            continue
        if place in asked and isinstance(event, RankingEvent | InteractionEvent):
            parts.append(_question(event, labels[event.id], state, index, settings, generator))
        state.apply(event)
    parts = [part for part in parts if part[1].any() and not part[1].all()]
    if len(parts) < _FEWEST_QUESTIONS:
        raise InputError(
            f"{len(parts)} questions to learn from, at least {_FEWEST_QUESTIONS} are needed: send "
            "more interactions that speak for their items"
        )
    return TrainingSet(
        np.concatenate([features for features, _ in parts]),
        np.concatenate([chosen for _, chosen in parts]),
        np.array([len(chosen) for _, chosen in parts], np.int64),
    )


def fit(training: TrainingSet, settings: TrainSettings) -> Trained:
    """Trains on the earlier questions and measures on the later ones, which also stop it."""
    count = len(training.groups)
    later = max(int(count * settings.validation), 1)
    first, last = _split(training, count - later)
    names = list(feature_names())
    datasets = [
        lightgbm.Dataset(part.features, part.labels, group=part.groups, feature_name=names)
        for part in (first, last)
    ]
    booster = lightgbm.train(
        {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [_K],
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.smallest_leaf,
            "learning_rate": settings.learning_rate,
            "feature_fraction": 0.8,
            "lambdarank_truncation_level": 20,
            "num_threads": settings.threads,
            "seed": settings.seed,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        },
        datasets[0],
        num_boost_round=settings.rounds,
        valid_sets=datasets[1:],
        callbacks=[lightgbm.early_stopping(settings.patience, verbose=False)],
    )
    return Trained(
        booster.model_to_string(num_iteration=booster.best_iteration),
        float(_ndcg(LightGbmRanker(booster), last).mean()),
        float(_ndcg(LinearBlend(), last).mean()),
        len(first.groups),
        len(last.groups),
        int(booster.best_iteration),
    )


def publish(root: Path, model: str, trained: Trained, settings: TrainSettings) -> Path:
    """Writes a trained model below `root`, and has it serve if it passes the gate.

    The folder `<root>/<model>/<hash>` holds the trees as text and `manifest.json`; `CURRENT` beside
    it names the folder and the manifest's SHA-256. The same model again changes nothing but that.
    """
    digest = hashlib.sha256(trained.model.encode()).hexdigest()
    folder = root / model / digest[:12]
    if not folder.exists():
        figures = {name: value for name, value in asdict(trained).items() if name != "model"}
        manifest = {
            "files": {RANKER_FILE: digest},
            "features": list(feature_names()),
            "is_better_than_the_blend": trained.is_better,
            "figures": figures,
            "settings": settings.model_dump(mode="json"),
        }
        with new_folder(folder) as aside:
            write_atomic(aside / RANKER_FILE, trained.model.encode())
            write_atomic(aside / MANIFEST_FILE, (json.dumps(manifest, indent=2) + "\n").encode())
    if trained.is_better:
        pointer = f"{folder.name} {sha256_file(folder / MANIFEST_FILE)}\n"
        write_atomic(root / model / "CURRENT", pointer.encode())
    return folder


def _labels(ordered: Sequence[Event], weights: InteractionWeights) -> dict[str, dict[str, int]]:
    """What was chosen in answer to each event that is a question: a label for each item."""
    shown = {event.id for event in ordered if isinstance(event, RankingEvent)}
    labels: dict[str, dict[str, int]] = {}
    for event in ordered:
        if not isinstance(event, InteractionEvent):
            continue
        weight = interaction_weight(event.type, event.fields, weights)
        if weight <= 0.0 or (event.user is None and event.session is None):
            continue
        question = event.ranking if event.ranking in shown and event.ranking else event.id
        chosen = labels.setdefault(question, {})
        chosen[event.item] = max(chosen.get(event.item, 0), min(int(np.ceil(weight)), 3))
    return labels


def _asked(
    ordered: Sequence[Event],
    labels: dict[str, dict[str, int]],
    settings: TrainSettings,
    generator: np.random.Generator,
) -> set[int]:
    """The places of the questions that are learned from."""
    behaviour = [place for place, e in enumerate(ordered) if not isinstance(e, ItemEvent)]
    late = behaviour[int(len(behaviour) * settings.warm_up) :]
    places = [place for place in late if ordered[place].id in labels]
    if len(places) > settings.questions:
        places = generator.choice(places, settings.questions, replace=False).tolist()
    return set(places)


def _question(
    event: RankingEvent | InteractionEvent,
    chosen: dict[str, int],
    state: RankingState,
    index: ItemIndex,
    settings: TrainSettings,
    generator: np.random.Generator,
) -> tuple[Float32s, Int64s]:
    """The features [m, f] and labels [m] of what could be chosen, before it was."""
    rows_of = state.catalogue.rows_of
    if isinstance(event, RankingEvent):
        query, rows = query_of(event), rows_of(dict.fromkeys(event.items))
    else:
        query = Query(event.user, event.session, event.timestamp_ms / 1000.0)
        filters = Filters(exclude_seen=False, only_available=False)
        rows = candidates(query, state, index, filters, CandidateSettings())
        # What was chosen and is no candidate stays out: added, it would be known by its weakness.
    label_of = {int(row): chosen[item] for item in chosen for row in rows_of((item,))}
    labels = np.array([label_of.get(row, 0) for row in rows.tolist()], np.int64)
    if len(rows) > settings.items:
        others = np.flatnonzero(labels == 0)
        room = max(settings.items - int((labels > 0).sum()), 1)
        kept = generator.choice(others, min(room, len(others)), replace=False)
        kept = np.sort(np.concatenate((np.flatnonzero(labels > 0), kept)))
        rows, labels = rows[kept], labels[kept]
    return feature_matrix(query, rows, state), labels


def _split(training: TrainingSet, count: int) -> tuple[TrainingSet, TrainingSet]:
    at = int(training.groups[:count].sum())
    return (
        TrainingSet(training.features[:at], training.labels[:at], training.groups[:count]),
        TrainingSet(training.features[at:], training.labels[at:], training.groups[count:]),
    )


def _ndcg(scorer: Scorer, part: TrainingSet) -> Float64s:
    """nDCG@10 of a scorer's order of each question's items, an item is chosen or not."""
    values, start = np.zeros(len(part.groups)), 0
    discounts = 1.0 / np.log2(2.0 + np.arange(_K))
    for number, size in enumerate(part.groups.tolist()):
        own = slice(start, start + size)
        gains = part.labels[own] > 0
        order = np.argsort(-scorer.score(part.features[own]), kind="stable")[:_K]
        best = discounts[: min(int(gains.sum()), _K)].sum()
        values[number] = (gains[order] * discounts[: len(order)]).sum() / best
        start += size
    return values
