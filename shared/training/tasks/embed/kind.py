"""The kind of queries with documents, by vectors."""

from shared.models.tasks import TaskKind
from shared.training.data.candidates import Candidates
from shared.training.tasks.embed.rows import embedding_formats
from shared.training.tasks.kind import Kind, WithModels


def _modules() -> WithModels[Candidates]:
    from shared.training.tasks.embed.evaluation import EmbedEvaluation
    from shared.training.tasks.embed.learning import EmbedLearning

    return lambda settings: EmbedLearning(settings.optimisation), EmbedEvaluation


EMBED = Kind(
    name=TaskKind.EMBED,
    example=Candidates,
    formats=embedding_formats,
    metrics=("mrr_at_10", "ndcg_at_10", "recall_at_10"),
    options=frozenset({"strength"}),
    purpose="embed texts, so that a query comes near what answers it",
    with_models=_modules,
    has_head=False,
    stored=True,
)
