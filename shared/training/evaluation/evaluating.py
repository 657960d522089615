"""From the settings of `pipelines.evaluate` to what a bundle is worth."""

from rich.table import Table

from shared.artifacts.aliases import CANDIDATE, CHAMPION
from shared.errors import InputError
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle
from shared.models.registry import open_registry
from shared.models.runners import Runners
from shared.models.tasks import TaskKind
from shared.training.evaluation.evaluation import Evaluated
from shared.training.evaluation.exams import Exam
from shared.training.evaluation.names import NAMES
from shared.training.evaluation.sets import data_files, data_name, exam_of, read_examples
from shared.training.evaluation.settings import EvaluateSettings
from shared.training.evaluation.sitting import find_bundle, sit
from shared.training.evaluation.subject import Subject
from shared.training.publish.frozen import read_frozen


def evaluate(settings: EvaluateSettings) -> Evaluated:
    """Reads the data before the model, so that what is wrong with it is said at once.

    Raises:
        PlatformError: there is no such bundle, or the data cannot be used; what to do about it.
    """
    registry = open_registry(settings.registry_root)
    bundle = find_bundle(registry, settings.bundle, CHAMPION, CANDIDATE)
    exam, data = _exam(settings, bundle)
    runners = Runners(Backbone.load(settings.backbone))
    runners.load(bundle)
    (evaluated,) = sit(runners, [bundle], exam, data=data, settings=settings)
    return evaluated


def figures_table(evaluated: Evaluated) -> Table:
    """The figures for a terminal."""
    judgement = evaluated.judgement
    title = f"{evaluated.bundle.id} on {evaluated.data}, {judgement.n:,} {judgement.units}"
    table = Table("figure", "value", "95 % confidence interval", title=title)
    for name, each in evaluated.figures.items():
        table.add_row(NAMES[name], f"{each.value:.4f}", f"{each.low:.4f} to {each.high:.4f}")
    return table


def _exam(settings: EvaluateSettings, bundle: Bundle) -> tuple[Exam, str]:
    if not settings.data:
        entry, examples = read_frozen(settings.registry_root, bundle.manifest.task)
        return exam_of(entry.subject, examples), f"{entry.name} ({entry.sha256[:12]})"
    subject = Subject.of(bundle.manifest)
    files = data_files(settings.data, settings)
    exam = exam_of(subject, read_examples(subject, files, settings))
    _check_labels(exam, bundle)
    return exam, data_name(files)


def _check_labels(exam: Exam, bundle: Bundle) -> None:
    """Refuses an exam whose truth a bundle cannot say.

    Raises:
        InputError: with the labels that the bundle does not know.
    """
    unknown = sorted(exam.labels.difference(bundle.manifest.labels))
    if unknown:
        remedy = (
            f"say what each means: --set types.{unknown[0]}={bundle.manifest.labels[0]}"
            if bundle.manifest.kind is TaskKind.TAG
            else "name their column: label"
        )
        shown = ", ".join(map(repr, unknown[:5])) + (" ..." if len(unknown) > 5 else "")
        raise InputError(
            f"{len(unknown)} of the data's labels are unknown to {bundle.id}: {shown}; correct "
            f"them, or {remedy}"
        )
