"""What the runner costs: against sentence-transformers, and with adapters. Ratios of one run.

    python -m tests.benchmarks.bench_adapters [--threads N] [--rounds N]

Every variant encodes the same headlines, sorted by length, in the same batches; the variants take
turns, because the machine's speed changes from minute to minute, and the median of each is kept.
With one thread it is the processor's time that is counted, so that other programs matter less.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from shared.models.backbone import Backbone, BackboneConfig
from shared.models.builtin import ensure_embed
from shared.models.registry import open_registry
from shared.models.runner import Runner
from shared.models.source import locate
from shared.models.tasks import TaskCall
from tests.harness.data import DATA
from tests.harness.models.trained import lora_bundle

_ROWS = 64
_DATA = DATA / "finance"

Batches = list[list[str]]


def headlines(count: int) -> list[str]:
    """The first headlines of SEntFiN, sorted by length."""
    lines = [
        line
        for part in ("dev", "train")
        for line in (_DATA / f"sentfin.{part}.jsonl").read_text("utf-8").splitlines()
    ]
    return sorted((str(json.loads(line)["text"]) for line in lines[:count]), key=len)


def run_batches(runner: Runner, batches: Batches, bundle_ids: Sequence[str]) -> None:
    """Tokenises and runs every batch, its rows dealt out to the bundles in turn."""
    for texts in batches:
        rows = [
            row
            for index, bundle_id in enumerate(bundle_ids)
            for row in runner.tokenize(
                bundle_id, TaskCall(bundle_id, texts[index :: len(bundle_ids)])
            ).rows
        ]
        runner.run(rows)


def variants(batches: Batches, root: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    files = locate(BackboneConfig())
    texts = [text for batch in batches for text in batch]
    runner = Runner(Backbone.load(BackboneConfig()))
    embed = ensure_embed(open_registry(root, shipped=None), Backbone.load(BackboneConfig()))
    adapted = [lora_bundle(root, f"task-{seed}", seed) for seed in range(4)]
    for bundle in (embed, *adapted):
        runner.load(bundle)
    ids = [bundle.id for bundle in adapted]
    default = SentenceTransformer(str(files.folder), local_files_only=True)
    half = SentenceTransformer(
        str(files.folder), local_files_only=True, model_kwargs={"dtype": torch.bfloat16}
    )
    return {
        "sentence-transformers, default": lambda: default.encode(texts),
        "sentence-transformers, bfloat16": lambda: half.encode(texts, batch_size=_ROWS),
        "runner, no adapter": lambda: run_batches(runner, batches, [embed.id]),
        "runner, one adapter": lambda: run_batches(runner, batches, ids[:1]),
        "runner, four adapters mixed": lambda: run_batches(runner, batches, ids),
    }


def measure(
    named: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    """The median seconds of each variant, after a first round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in named}
    for turn in range(rounds + 1):
        for name, function in named.items():
            begun = clock()
            function()
            if turn:
                seconds[name].append(clock() - begun)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=2048)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    texts = headlines(arguments.texts)
    batches = [texts[start : start + _ROWS] for start in range(0, len(texts), _ROWS)]
    clock = time.process_time if arguments.threads == 1 else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        medians = measure(variants(batches, Path(folder)), arguments.rounds, clock)
    half, plain = medians["sentence-transformers, bfloat16"], medians["runner, no adapter"]
    print(f"{len(texts)} headlines, batches of {_ROWS}, {arguments.threads} threads")
    print(f"{'':34}{'texts/s':>9}{'speed: ST bf16 = 1':>20}{'time: no adapter = 1':>22}")
    for name, seconds in medians.items():
        rate = len(texts) / seconds
        print(f"{name:34}{rate:9.0f}{half / seconds:20.2f}{seconds / plain:22.2f}")
    mixed = medians["runner, four adapters mixed"] / medians["runner, one adapter"]
    print(f"four adapters mixed take {mixed:.2f} times one")


if __name__ == "__main__":
    main()
