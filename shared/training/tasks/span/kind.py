"""The kind of questions with answers in a context."""

from typing import TYPE_CHECKING

from shared.models.tasks import TaskKind
from shared.training.tasks.kind import Evaluation, Kind, Learning
from shared.training.tasks.span.rows import Question, question_formats

if TYPE_CHECKING:
    from shared.training.settings import FinetuneSettings


def _learning(settings: "FinetuneSettings") -> Learning[Question]:
    from shared.training.tasks.span.learning import SpanLearning

    return SpanLearning(settings.optimisation, settings.unanswerable_accuracy)


def _evaluation(examples: tuple[Question, ...]) -> Evaluation:
    from shared.training.tasks.span.evaluation import SpanEvaluation

    return SpanEvaluation(examples)


SPAN = Kind(
    name=TaskKind.SPAN,
    example=Question,
    formats=question_formats,
    metrics=("balanced_f1", "answerable_f1"),
    options=frozenset({"accumulation", "unanswerable_accuracy"}),
    purpose="find the answer to a question in a text, or say that there is none",
    learning=_learning,
    evaluation=_evaluation,
)
