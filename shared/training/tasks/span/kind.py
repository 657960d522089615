"""The kind of questions with answers in a context."""

from shared.models.tasks import TaskKind
from shared.training.tasks.kind import Kind, WithModels
from shared.training.tasks.span.rows import Question, question_formats


def _modules() -> WithModels[Question]:
    from shared.training.tasks.span.evaluation import SpanEvaluation
    from shared.training.tasks.span.learning import SpanLearning

    return lambda settings: SpanLearning(
        settings.optimisation, settings.unanswerable_accuracy
    ), SpanEvaluation


SPAN = Kind(
    name=TaskKind.SPAN,
    example=Question,
    formats=question_formats,
    metrics=("balanced_f1", "answerable_f1"),
    options=frozenset({"accumulation", "unanswerable_accuracy"}),
    purpose="find the answer to a question in a text, or say that there is none",
    with_models=_modules,
)
