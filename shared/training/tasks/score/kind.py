"""The kind of queries with documents to score."""

from typing import TYPE_CHECKING

from shared.models.tasks import TaskKind
from shared.training.data.candidates import Candidates
from shared.training.tasks.kind import Evaluation, Kind, Learning
from shared.training.tasks.score.rows import scoring_formats

if TYPE_CHECKING:
    from shared.training.settings import FinetuneSettings


def _learning(settings: "FinetuneSettings") -> Learning[Candidates]:
    from shared.training.tasks.score.learning import ScoreLearning

    return ScoreLearning(settings.optimisation, settings.metric)


def _evaluation(examples: tuple[Candidates, ...]) -> Evaluation:
    from shared.training.tasks.score.evaluation import ScoreEvaluation

    return ScoreEvaluation(examples)


SCORE = Kind(
    name=TaskKind.SCORE,
    example=Candidates,
    formats=scoring_formats,
    metrics=("mrr_at_10", "ndcg_at_10", "average_precision"),
    options=frozenset({"accumulation"}),
    purpose="score how well a document answers a query",
    learning=_learning,
    evaluation=_evaluation,
)
