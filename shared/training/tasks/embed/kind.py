"""The kind of queries with documents, by vectors."""

from typing import TYPE_CHECKING

from shared.models.tasks import TaskKind
from shared.training.data.candidates import Candidates
from shared.training.tasks.embed.rows import embedding_formats
from shared.training.tasks.kind import Evaluation, Kind, Learning

if TYPE_CHECKING:
    from shared.training.settings import FinetuneSettings


def _learning(settings: "FinetuneSettings") -> Learning[Candidates]:
    from shared.training.tasks.embed.learning import EmbedLearning

    return EmbedLearning(settings.optimisation)


def _evaluation(examples: tuple[Candidates, ...]) -> Evaluation:
    from shared.training.tasks.embed.evaluation import EmbedEvaluation

    return EmbedEvaluation(examples)


EMBED = Kind(
    name=TaskKind.EMBED,
    example=Candidates,
    formats=embedding_formats,
    metrics=("mrr_at_10", "ndcg_at_10", "recall_at_10"),
    options=frozenset({"strength"}),
    purpose="embed texts, so that a query comes near what answers it",
    learning=_learning,
    evaluation=_evaluation,
    has_head=False,
    stored=True,
)
