"""From the settings of `pipelines.evaluate` to what a bundle is worth."""

from rich.table import Table

from shared.artifacts.aliases import CANDIDATE, CHAMPION
from shared.errors import InputError
from shared.models.bundle import Bundle
from shared.models.registry import open_registry
from shared.training.evaluation.answering import open_runners
from shared.training.evaluation.bundles import find_bundle
from shared.training.evaluation.evaluation import Evaluated, evaluate_bundles
from shared.training.evaluation.names import METRIC_NAMES
from shared.training.evaluation.sets import (
    EvaluationSet,
    data_files,
    data_name,
    read_examples,
)
from shared.training.evaluation.settings import EvaluateSettings
from shared.training.publish.frozen import read_frozen
from shared.training.tasks.kinds import kind_of


def evaluate(settings: EvaluateSettings) -> Evaluated:
    """Reads the data before the model, so that what is wrong with it is said at once.

    Raises:
        PlatformError: the bundle does not exist, or the data cannot be used; what to do about it.
    """
    registry = open_registry(settings.registry_root)
    bundle = find_bundle(registry, settings.bundle, CHAMPION, CANDIDATE)
    data = _data(settings, bundle)
    runners = open_runners(settings)
    runners.load(bundle)
    (evaluated,) = evaluate_bundles(runners, [bundle], data, settings)
    return evaluated


def figures_table(evaluated: Evaluated) -> Table:
    """The figures for a terminal."""
    judgement = evaluated.judgement
    title = f"{evaluated.bundle.id} on {evaluated.data}, {judgement.n:,} {judgement.units}"
    table = Table("figure", "value", "95 % confidence interval", title=title)
    for name, each in evaluated.figures.items():
        table.add_row(METRIC_NAMES[name], f"{each.value:.4f}", f"{each.low:.4f} to {each.high:.4f}")
    return table


def _data(settings: EvaluateSettings, bundle: Bundle) -> EvaluationSet:
    """The set that is named, or the task's own.

    Raises:
        InputError: it has labels that the bundle cannot say.
    """
    manifest = bundle.manifest
    if not settings.data:
        return EvaluationSet.of(*read_frozen(settings.registry_root, manifest.task))
    kind = kind_of(manifest.kind, manifest.multi_label)
    files = data_files(settings.data, settings)
    data = EvaluationSet(kind, read_examples(kind, files, settings), data_name(files))
    unknown = data.unknown_labels(manifest)
    if unknown:
        remedy = (
            f"say what each means: --set types.{unknown[0]}={manifest.labels[0]}"
            if kind.retype is not None
            else "name their column: label"
        )
        shown = ", ".join(map(repr, unknown[:5])) + (" ..." if len(unknown) > 5 else "")
        raise InputError(
            f"{len(unknown)} of the data's labels are unknown to {bundle.id}: {shown}; correct "
            f"them, or {remedy}"
        )
    return data
