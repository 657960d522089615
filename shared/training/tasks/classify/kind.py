"""The kinds of texts with classes: one each, or any number."""

from typing import TYPE_CHECKING

from shared.models.tasks import TaskKind
from shared.training.tasks.classify.examples import Example, MultiLabelled
from shared.training.tasks.classify.rows import labelled_formats, multi_labelled_formats
from shared.training.tasks.kind import Evaluation, Kind, Learning

if TYPE_CHECKING:
    from shared.training.settings import FinetuneSettings


def _learning(settings: "FinetuneSettings") -> Learning[Example]:
    from shared.training.tasks.classify.learning import ClassLearning

    return ClassLearning(settings.optimisation)


def _evaluation(examples: tuple[Example, ...]) -> Evaluation:
    from shared.training.tasks.classify.evaluation import ClassEvaluation

    return ClassEvaluation(examples)


def _several_learning(settings: "FinetuneSettings") -> Learning[MultiLabelled]:
    from shared.training.tasks.classify.multi_label import MultiLabelLearning

    return MultiLabelLearning(settings.optimisation)


def _several_evaluation(examples: tuple[MultiLabelled, ...]) -> Evaluation:
    from shared.training.tasks.classify.evaluation import MultiLabelEvaluation

    return MultiLabelEvaluation(examples)


CLASSIFY = Kind(
    name=TaskKind.CLASSIFY,
    example=Example,
    formats=labelled_formats,
    metrics=("accuracy", "macro_f1"),
    options=frozenset({"accumulation", "class_weights", "rejection"}),
    purpose="put a text into one of {labels} classes",
    learning=_learning,
    evaluation=_evaluation,
    labels="Classes",
)
CLASSIFY_SEVERAL = Kind(
    name=TaskKind.CLASSIFY,
    multi_label=True,
    example=MultiLabelled,
    formats=multi_labelled_formats,
    metrics=("micro_f1", "macro_f1", "exact_match"),
    options=frozenset({"accumulation"}),
    purpose="say which of {labels} classes a text has, none or several",
    learning=_several_learning,
    evaluation=_several_evaluation,
    labels="Classes",
)
