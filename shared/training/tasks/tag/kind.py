"""The kind of texts with entities."""

from typing import TYPE_CHECKING

from shared.models.tasks import TaskKind
from shared.training.tasks.kind import Evaluation, Kind, Learning
from shared.training.tasks.tag.examples import TaggedExample
from shared.training.tasks.tag.rows import tagged_formats

if TYPE_CHECKING:
    from shared.training.settings import FinetuneSettings


def _learning(settings: "FinetuneSettings") -> Learning[TaggedExample]:
    from shared.training.tasks.tag.learning import TagLearning

    return TagLearning(settings.optimisation)


def _evaluation(examples: tuple[TaggedExample, ...]) -> Evaluation:
    from shared.training.tasks.tag.evaluation import TagEvaluation

    return TagEvaluation(examples)


TAG = Kind(
    name=TaskKind.TAG,
    example=TaggedExample,
    formats=tagged_formats,
    metrics=("span_f1",),
    options=frozenset({"accumulation", "class_weights"}),
    purpose="mark the entities of a text, of {labels} type(s)",
    learning=_learning,
    evaluation=_evaluation,
    labels="Types of entities",
    retype=TaggedExample.retyped,
)
