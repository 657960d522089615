"""What Ray Train, a second worker and token-budget batches do to the speed of training.

    python -m tests.benchmarks.bench_training [--examples N] [--epochs N] [--rounds N]

Everything trains the same LoRA classifier on the same headlines of SEntFiN, each in processes of
its own, in turns, because the machine's speed changes from minute to minute; ratios are of the
medians of one run. Speed is in the texts' own tokens a second: padding is work, not speed. The
first epoch of each measurement warms up and does not count.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from shared.models.backbone import Backbone
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.data.reading import read_rows
from shared.training.data.sets import ReadSets
from shared.training.loop.batching import epoch_batches
from shared.training.loop.ray_train import WorkerGroup, cluster, train
from shared.training.loop.run_folder import RunSpec, read_run, write_run
from shared.training.methods.model import TunedModel
from shared.training.settings import FinetuneSettings, WorkerSettings
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.sentfin import single
from shared.training.tasks.training_data import check_data
from tests.harness.data import DATA

_DATA = DATA / "finance"
_LIMIT_S = 1800.0

PLAIN = "plain loop"
RAY = "Ray Train, one worker"
TWO = "Ray Train, two workers"
FIXED = "plain loop, batches of fixed size, padded to their longest text"
FULL = "plain loop, batches of fixed size, padded to the longest text of all"
_BATCHES = {PLAIN: "budget", FIXED: "fixed", FULL: "full"}


def write_folder(state_dir: Path, examples: int, epochs: int) -> Path:
    """A run's folder, as the pipeline makes it."""
    values = {
        "task": "bench",
        "data": {"train": "sentfin", "dev": "sentfin"},
        "optimisation": {"epochs": epochs, "max_batch_tokens": 2048},
        "state_dir": str(state_dir),
    }
    settings = FinetuneSettings.model_validate(values)
    train_rows, dev_rows = (
        read_rows([(_DATA / f"sentfin.{part}.jsonl", single)]) for part in ("train", "dev")
    )
    data = check_data(
        settings, ReadSets([*_some(train_rows, examples)], [*_some(dev_rows, 64)], {})
    )
    backbone = Backbone.load(settings.backbone)
    spec = RunSpec(
        settings=settings,
        labels=data.labels,
        max_length=backbone.max_length,
        pad_id=backbone.pad_id,
        backbone_sha256=backbone.sha256,
        data_fingerprint=data.fingerprint(),
    )
    tokenizer = backbone.text_tokenizer(spec.max_length)
    arrays = [data.arrays(each, tokenizer) for each in (data.train, data.dev)]
    return write_run(spec, arrays[0], arrays[1])


def _some(rows: list[Example], count: int) -> list[Example]:
    """The files are sorted by more than chance."""
    return [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:count]]


def by_ray(folder: Path, workers: WorkerSettings) -> float:
    """Tokens a second of the pipeline's own training of a run's folder."""

    def measure(group: WorkerGroup) -> float:
        history = train(folder, group, max_failures=0).history[1:]
        return statistics.median(score.tokens_per_s for score in history)

    with cluster(workers) as group:
        return measure(group)


def by_plain_loop(folder: Path, batches: str) -> float:
    """Tokens a second of a loop as one writes it with PyTorch alone, on the same model."""
    spec, arrays, _ = read_run(folder)
    backbone = Backbone.load(spec.settings.backbone)
    torch.manual_seed(spec.seed)
    model = TunedModel.on(backbone, spec.settings, spec.labels, spec.max_length)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-3)
    speeds = []
    for epoch in range(spec.settings.optimisation.epochs):
        model.train()
        started = time.monotonic()
        for batch in _batches(arrays, batches, spec, epoch):
            ids, mask = arrays.padded(batch, spec.pad_id)
            if batches == "full":
                missing = int(arrays.lengths.max()) - ids.shape[1]
                ids = np.pad(ids, ((0, 0), (0, missing)), constant_values=spec.pad_id)
                mask = np.pad(mask, ((0, 0), (0, missing)))
            logits = model(torch.from_numpy(ids), torch.from_numpy(mask))
            targets = torch.from_numpy(arrays.targets[batch])
            loss = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=0.1)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
        speeds.append(len(arrays.tokens) / (time.monotonic() - started))
    return statistics.median(speeds[1:])


def _batches(arrays: TokenArrays, kind: str, spec: RunSpec, epoch: int) -> list[Int64s]:
    """The run's own batches, or as many of one size in a random order."""
    budget = spec.settings.optimisation.max_batch_tokens
    own = epoch_batches(arrays.lengths, max_tokens=budget, seed=spec.seed, epoch=epoch)
    if kind == "budget":
        return own
    order = np.random.default_rng((spec.seed, epoch)).permutation(len(arrays))
    return np.array_split(order, len(own))


def _in_a_process(folder: Path, batches: str, threads: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.bench_training"]
    command += ["--plain", str(folder), "--batches", batches, "--threads", str(threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=_LIMIT_S)
    return float(json.loads(done.stdout.splitlines()[-1]))


def measure(root: Path, examples: int, epochs: int, rounds: int, threads: int) -> dict[str, float]:
    """The median tokens a second of each variant over some rounds, in which they take turns."""

    def plain(name: str) -> Callable[[Path], float]:
        return lambda folder: _in_a_process(folder, _BATCHES[name], threads)

    variants: dict[str, Callable[[Path], float]] = {
        **{name: plain(name) for name in _BATCHES},
        RAY: lambda folder: by_ray(folder, WorkerSettings(count=1, threads=threads)),
        TWO: lambda folder: by_ray(folder, WorkerSettings(count=2, threads=max(1, threads // 2))),
    }
    speeds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds):
        for place, (name, variant) in enumerate(variants.items()):
            folder = write_folder(root / f"{number}-{place}", examples, epochs)
            speeds[name].append(variant(folder))
            print(f"round {number + 1}, {name}: {speeds[name][-1]:,.0f} tokens/s", flush=True)
    return {name: statistics.median(each) for name, each in speeds.items()}


def main() -> None:
    """Measures, then prints the medians and their ratios with the bars."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--batches", default="budget", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.plain is not None:
        print(json.dumps(by_plain_loop(arguments.plain, arguments.batches)))
        return
    with tempfile.TemporaryDirectory() as root:
        speed = measure(
            Path(root), arguments.examples, arguments.epochs, arguments.rounds, arguments.threads
        )
    for name, tokens_per_s in speed.items():
        print(f"{name}: {tokens_per_s:,.0f} tokens/s")
    print(f"Ray Train against the plain loop: {speed[RAY] / speed[PLAIN]:.3f} (bar: 0.95)")
    print(f"two workers against one: {speed[TWO] / speed[RAY]:.3f}")
    print(f"budget against fixed size, full padding: {speed[PLAIN] / speed[FULL]:.2f} (bar: 1.5)")
    print(f"budget against fixed size, own padding: {speed[PLAIN] / speed[FIXED]:.2f}")


if __name__ == "__main__":
    main()
