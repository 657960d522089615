"""The kinds of texts with classes: one each, or any number."""

from shared.models.tasks import TaskKind
from shared.training.tasks.classify.examples import Example, MultiLabelled
from shared.training.tasks.classify.rows import labelled_formats, multi_labelled_formats
from shared.training.tasks.kind import Kind, WithModels


def _modules() -> WithModels[Example]:
    from shared.training.tasks.classify.evaluation import ClassEvaluation
    from shared.training.tasks.classify.learning import ClassLearning

    return lambda settings: ClassLearning(settings.optimisation), ClassEvaluation


def _several_modules() -> WithModels[MultiLabelled]:
    from shared.training.tasks.classify.evaluation import MultiLabelEvaluation
    from shared.training.tasks.classify.multi_label import MultiLabelLearning

    return lambda settings: MultiLabelLearning(settings.optimisation), MultiLabelEvaluation


CLASSIFY = Kind(
    name=TaskKind.CLASSIFY,
    example=Example,
    formats=labelled_formats,
    metrics=("accuracy", "macro_f1"),
    options=frozenset({"accumulation", "class_weights", "rejection", "examples_per_class"}),
    purpose="put a text into one of {labels} classes",
    with_models=_modules,
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
    with_models=_several_modules,
    labels="Classes",
)
