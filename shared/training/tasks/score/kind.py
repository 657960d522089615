"""The kind of queries with documents to score."""

from shared.models.tasks import TaskKind
from shared.training.data.candidates import Candidates
from shared.training.tasks.kind import Kind, WithModels
from shared.training.tasks.score.rows import scoring_formats


def _modules() -> WithModels[Candidates]:
    from shared.training.tasks.score.evaluation import ScoreEvaluation
    from shared.training.tasks.score.learning import ScoreLearning

    return lambda settings: ScoreLearning(settings.optimisation, settings.metric), ScoreEvaluation


SCORE = Kind(
    name=TaskKind.SCORE,
    example=Candidates,
    formats=scoring_formats,
    metrics=("mrr_at_10", "ndcg_at_10", "average_precision", "answerable_auc", "right_when_sure"),
    options=frozenset({"accumulation", "objective", "teacher_weight", "teacher_temperature"}),
    purpose="score how well a document answers a query",
    with_models=_modules,
)
