"""A champion against its successor on another backbone, on their task's frozen evaluation set."""

from dataclasses import asdict

from pipelines.rebasing.outcome import Paired
from pipelines.rebasing.settings import RebaseSettings
from shared.errors import PlatformError
from shared.metrics.metric import Metric
from shared.models.backbone import Backbone
from shared.models.bundle import Bundle
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.training.evaluation.evaluation import Evaluated, evaluate_bundles
from shared.training.evaluation.judgement import difference
from shared.training.evaluation.sets import EvaluationSet
from shared.training.evaluation.settings import JudgingSettings
from shared.training.publish.frozen import find_frozen, read_frozen

_CONFIDENCE = 0.95


def compare(before: Bundle, after: Bundle, rebase: RebaseSettings) -> Paired | str:
    """Both on the same examples, each on its own backbone; or the reason why that cannot be."""
    root, task = rebase.registry_root, after.manifest.task
    if find_frozen(root, task) is None:
        return f"{task} has no frozen evaluation set"
    try:
        data = EvaluationSet.of(*read_frozen(root, task))
        old = _evaluated(before, rebase.before, data, rebase)
        new = _evaluated(after, rebase.backbone, data, rebase)
    except PlatformError as error:
        return f"the frozen set cannot be answered by both: {error}"
    metric = new.judgement.metric
    apart = difference(
        new.judgement,
        old.judgement,
        metric,
        resamples=rebase.resamples,
        confidence=_CONFIDENCE,
    )
    return Paired(
        metric=metric,
        before=old.figures[metric].value,
        after=new.figures[metric].value,
        difference=Metric(**asdict(apart)),
    )


def _evaluated(
    bundle: Bundle, config: BackboneConfig, data: EvaluationSet, rebase: RebaseSettings
) -> Evaluated:
    runners = Runners(Backbone.load(config))
    runners.load(bundle)
    judging = JudgingSettings(resamples=rebase.resamples, state_dir=rebase.state_dir)
    return evaluate_bundles(runners, [bundle], data, judging)[0]
