"""The kind of texts with entities."""

from shared.models.tasks import TaskKind
from shared.training.tasks.kind import Kind, WithModels
from shared.training.tasks.tag.examples import TaggedExample
from shared.training.tasks.tag.rows import tagged_formats


def _modules() -> WithModels[TaggedExample]:
    from shared.training.tasks.tag.evaluation import TagEvaluation
    from shared.training.tasks.tag.learning import TagLearning

    return lambda settings: TagLearning(settings.optimisation), TagEvaluation


TAG = Kind(
    name=TaskKind.TAG,
    example=TaggedExample,
    formats=tagged_formats,
    metrics=("span_f1",),
    options=frozenset({"accumulation", "class_weights"}),
    purpose="mark the entities of a text, of {labels} type(s)",
    with_models=_modules,
    labels="Types of entities",
    retype=TaggedExample.retyped,
)
