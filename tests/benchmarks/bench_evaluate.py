"""The speed of `banyan evaluate` against the raw encoder, on the same cores, in one run.

    python -m tests.benchmarks.bench_evaluate [--bundle support-intent] [--rounds 5]

Both read the same 3,000 headlines, in one process, taking turns. The raw encoder is
sentence-transformers' model in the same precision, batches of 64 sorted by length, nothing else.
Evaluating counts from the texts to all figures with their bootstrap intervals: tokenising, adapter,
head, judging. Not counted, on either side: loading the model, and here the latency sample, which is
a hundred texts one by one, and drawing the page. The bar, for the median over the rounds: 0.9.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from shared.models.registry import open_registry
from shared.models.threads import share_cores
from tests.benchmarks.inputs.texts import headlines

TEXTS = 3000
BAR = 0.9


def contenders(task: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """The raw encoder and an evaluation of the task's champion; each makes one pass."""
    share_cores()
    import torch

    from shared.models.backbone import Backbone, BackboneConfig
    from shared.models.runners import Runners
    from shared.training.evaluation.answering import answer
    from shared.training.tasks.classify.evaluation import ClassEvaluation
    from shared.training.tasks.classify.examples import Example
    from tests.benchmarks.measures.passes import raw

    texts = headlines(TEXTS)
    with tempfile.TemporaryDirectory() as root:
        registry = open_registry(Path(root))
        bundle = registry.bundle(registry.resolve(task))
    backbone = Backbone.load(BackboneConfig())
    if backbone.precision is not torch.bfloat16:
        raise SystemExit("this machine computes in float32, and the raw encoder in bfloat16")
    runners = Runners(backbone)
    runners.load(bundle)
    labels = islice(cycle(bundle.manifest.labels), len(texts))
    evaluation = ClassEvaluation(tuple(map(Example, texts, labels)))

    def evaluate() -> None:
        output = answer(runners, bundle, evaluation.inputs).output
        evaluation.judge(output, bundle.manifest).intervals(1000)

    return raw(texts), evaluate


def main() -> None:
    """Measures and prints; ends with 1 where the bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="support-intent", help="a classifying task that ships")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    passes = dict(zip(("raw encoder", "evaluate"), contenders(arguments.bundle), strict=True))
    speeds: dict[str, list[float]] = {name: [] for name in passes}
    for one_pass in passes.values():
        one_pass()
    for _ in range(arguments.rounds):
        for name, one_pass in passes.items():
            begun_s = time.perf_counter()
            one_pass()
            speeds[name].append(TEXTS / (time.perf_counter() - begun_s))
    ratios = [ours / raw for raw, ours in zip(*speeds.values(), strict=True)]
    console = Console()
    table = Table("contender", "texts/s, median", "least", "most")
    for name, found in speeds.items():
        table.add_row(name, *(f"{each:,.0f}" for each in (median(found), min(found), max(found))))
    console.print(table)
    ratio = median(ratios)
    console.print(f"{arguments.bundle}: {ratio:.2f} of the raw encoder, the bar is {BAR}")
    raise SystemExit(0 if ratio >= BAR else 1)


if __name__ == "__main__":
    main()
