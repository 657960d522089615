"""What all bundles of a study are worth on every set that decides nothing, and what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pipelines.studying.comparing import Difference, compare, metrics_of
from pipelines.studying.settings import StudySettings
from pipelines.studying.training import Trained
from shared.errors import ConfigError
from shared.training.data.settings import SetPart
from shared.training.evaluation.answering import open_runners
from shared.training.evaluation.evaluation import Cost, Evaluated, evaluate_bundles
from shared.training.evaluation.sets import EvaluationSet
from shared.training.evaluation.settings import JudgingSettings
from shared.training.settings import FinetuneSettings
from shared.training.tasks.training_data import check_data, read_data

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Row:
    """One variant on one set: a difference for each figure. The first variant's are all 0."""

    variant: str
    data: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Costs:
    """What a variant costs, means over its seeds; `of_first` are ratios to the first variant."""

    variant: str
    latency_p50_ms: float
    bundle_mb: float
    latency_of_first: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All that a study found; rows and costs in the order of the variants."""

    rows: tuple[Row, ...]
    costs: tuple[Costs, ...]
    chosen_on: str


def measure(study: StudySettings, trained: Sequence[Trained]) -> Measured:
    """Evaluates all bundles as serving would run them, and compares the variants.

    Raises:
        ConfigError: a metric that shall be compared is none of the kind's.
        PlatformError: data or backbone cannot be used.
    """
    settings = trained[0].variant.settings
    sets, chosen_on = _sets(settings)
    judging = JudgingSettings(
        backbone=settings.backbone, data_dir=settings.data_dir, state_dir=settings.state_dir
    )
    runners = open_runners(judging)
    bundles = [bundle for each in trained for bundle in each.bundles]
    for bundle in bundles:
        runners.load(bundle)
    rows: list[Row] = []
    costs: tuple[Costs, ...] = ()
    for data in sets:
        found = evaluate_bundles(runners, bundles, data, judging)
        rows += _rows(study, trained, data.name, found)
        costs = costs or _costs(trained, found)
    return Measured(tuple(rows), costs, chosen_on)


def _sets(settings: FinetuneSettings) -> tuple[list[EvaluationSet], str]:
    """The sets that decide nothing, or the one that chose where there is no other."""
    data = check_data(settings, read_data(settings))
    sets = dict(data.measured) or {data.chosen_on: data.dev}
    kind = settings.task_kind
    found = [EvaluationSet(kind, tuple(examples), name) for name, examples in sets.items()]
    # What is held out is the first: what a variant costs is measured on it.
    held_out = (SetPart.GATE, SetPart.TEST)
    return sorted(found, key=lambda each: each.name not in held_out), data.chosen_on


def _rows(
    study: StudySettings, trained: Sequence[Trained], name: str, found: Sequence[Evaluated]
) -> list[Row]:
    judged = _by_variant(trained, [each.judgement for each in found])
    first = judged[trained[0].variant.name]
    try:
        metrics = metrics_of(first, study.metrics)
    except KeyError as error:
        known = ", ".join(first[0].statistics)
        raise ConfigError(f"metrics: {error} is no figure here: choose from {known}") from None
    return [
        Row(variant, name, tuple(compare(ours, first, metrics, study.resamples)))
        for variant, ours in judged.items()
    ]


def _costs(trained: Sequence[Trained], found: Sequence[Evaluated]) -> tuple[Costs, ...]:
    costs = _by_variant(trained, [each.cost for each in found])
    first = _latency(costs[trained[0].variant.name])
    return tuple(
        Costs(
            variant=name,
            latency_p50_ms=_latency(some),
            bundle_mb=float(np.mean([each.bundle_bytes for each in some])) / 1e6,
            latency_of_first=_latency(some) / first,
        )
        for name, some in costs.items()
    )


def _latency(costs: Sequence[Cost]) -> float:
    return float(np.mean([each.latency_p50_ms for each in costs]))


def _by_variant(trained: Sequence[Trained], values: Sequence[ValueT]) -> Mapping[str, list[ValueT]]:
    """Values of all bundles, in their order, by the variant that each belongs to."""
    left = iter(values)
    return {each.variant.name: [next(left) for _ in each.bundles] for each in trained}
