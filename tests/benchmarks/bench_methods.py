"""What a LoRA adapter gives up against a full fine-tuning, and what it saves.

    python -m tests.benchmarks.bench_methods LORA FULL [--registry DIR]

Two bundles' folders, of one task that has a frozen evaluation set in the registry (`banyan
promote` and `pipelines.freeze` make it). Both are evaluated on it; single inputs are timed in
turns. "Beside" is a batch of 16 inputs of which half are for the untouched backbone: an adapter
takes it whole, and another backbone in two parts.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from shared.models.backbone import Backbone
from shared.models.builtin import ensure_embed
from shared.models.bundle import MODEL, Bundle, Method
from shared.models.registry import SHIPPED, open_registry
from shared.models.rows import Row
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.models.tasks import Input, TaskCall
from shared.training.evaluation.evaluation import Evaluated, evaluate_bundles
from shared.training.evaluation.judgement import difference
from shared.training.evaluation.sets import EvaluationSet
from shared.training.evaluation.settings import JudgingSettings
from shared.training.publish.frozen import read_frozen

_BESIDE = 16
_ROUNDS = 40


def beside_ms(runners: Runners, bundles: Sequence[Bundle], inputs: Sequence[Input]) -> list[float]:
    """The median milliseconds of half of the inputs for each bundle, and half for the last one."""
    middle = len(inputs) // 2
    texts = [each if isinstance(each, str) else " ".join(each) for each in inputs[middle:]]
    took: list[list[float]] = [[] for _ in bundles[:-1]]
    for _ in range(_ROUNDS):
        for place, bundle in enumerate(bundles[:-1]):
            began_s = time.perf_counter()
            rows = _rows(runners, bundle, inputs[:middle])
            others = _rows(runners, bundles[-1], texts)
            if bundle.manifest.method is Method.FULL:
                runners.run(rows)
                runners.run(others)
            else:
                runners.run([*rows, *others])
            took[place].append((time.perf_counter() - began_s) * 1000)
    return [statistics.median(each) for each in took]


def _rows(runners: Runners, bundle: Bundle, inputs: Sequence[Input]) -> Sequence[Row]:
    return runners.tokenize(bundle.id, TaskCall(bundle.id, inputs, truncate=True)).rows


def main() -> int:
    """Reads the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs=2, type=Path, metavar="FOLDER")
    parser.add_argument("--registry", type=Path, default=SHIPPED)
    given = parser.parse_args()
    lora, full = (MODEL.read(folder) for folder in given.bundles)
    data = EvaluationSet.of(*read_frozen(given.registry, lora.manifest.task))
    backbone = Backbone.load(BackboneConfig())
    runners = Runners(backbone)
    with tempfile.TemporaryDirectory() as aside:
        embed = ensure_embed(open_registry(Path(aside)), backbone)
        for bundle in (lora, full, embed):
            runners.load(bundle)
    evaluated = evaluate_bundles(runners, [lora, full], data, JudgingSettings())
    print(f"{lora.manifest.task} on {data.name}, {len(data.examples):,} examples")
    beside = beside_ms(runners, [lora, full, embed], data.evaluation.inputs[:_BESIDE])
    for each, took_ms in zip(evaluated, beside, strict=True):
        _say(each, took_ms)
    metric = evaluated[0].judgement.metric
    apart = difference(
        evaluated[0].judgement, evaluated[1].judgement, metric, resamples=1000, confidence=0.95
    )
    print(f"{metric}, the first less the second: {apart}")
    return 0


def _say(evaluated: Evaluated, took_ms: float) -> None:
    metric, cost = evaluated.judgement.metric, evaluated.cost
    print(
        f"{evaluated.bundle.manifest.method:5} {metric} {evaluated.figures[metric]}; "
        f"{cost.bundle_bytes / 1e6:.1f} MB; one text p50 {cost.latency_p50_ms:.2f} ms, "
        f"p99 {cost.latency_p99_ms:.2f} ms; {cost.texts_per_s:,.0f} inputs/s; "
        f"beside {took_ms:.1f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())
