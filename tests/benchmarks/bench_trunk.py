"""The trunk's throughput against the bare model, on the same cores, in one run, alternating.

    python -m tests.benchmarks.bench_trunk [--url http://127.0.0.1:8000] [--rounds 5]

With `--url` a running platform's `/v1/embeddings` is measured too; it must be idle otherwise. Each
round measures everything once, so that a machine that gets slower slows all of it; the ratios are
medians over the rounds. Bars: requests of 32 at least 0.85 of the raw model in bfloat16, and at
least 1.6 times sentence-transformers' default `encode`.
"""

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from tests.benchmarks.inputs.texts import headlines
from tests.benchmarks.measures.load import Load, measure
from tests.benchmarks.measures.passes import Kind, passes

HTTP = "HTTP, requests of 32, concurrency 8"
HTTP_SINGLES = "HTTP, single requests, concurrency 32"
BARS = {(HTTP, Kind.RAW): 0.85, (HTTP, Kind.DEFAULT): 1.6}

Measure = Callable[[], float]
"""Seconds of processing all headlines once."""


def http(url: str, texts: list[str], size: int, concurrency: int) -> Measure:
    """Requests of `size` headlines to a running platform, answered in base64."""
    port = urlsplit(url).port or 80
    groups = [texts[i : i + size] for i in range(0, len(texts), size)]
    bodies = [
        json.dumps({"model": "embed", "input": group, "encoding_format": "base64"})
        for group in groups
    ]

    def one_pass() -> float:
        measured = measure(Load(port, "/v1/embeddings", bodies, concurrency))
        if measured.failures:
            raise RuntimeError(f"{url} refused requests: {measured.failures}")
        return measured.wall_s

    return one_pass


def run(url: str | None, rounds: int, count: int) -> dict[str, list[float]]:
    """Headlines per second of each contender in each round."""
    texts = headlines(count)
    with ExitStack() as stack:
        contenders: dict[str, Measure] = {}
        for kind in Kind:
            process = stack.enter_context(passes(kind, count))
            contenders[kind] = lambda process=process: process.measure().wall_s  # type: ignore[misc]
        if url is not None:
            contenders[HTTP] = http(url, texts, 32, 8)
            contenders[HTTP_SINGLES] = http(url, texts, 1, 32)
            contenders[HTTP]()
        speeds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, one_pass in contenders.items():
                speeds[name].append(count / one_pass())
    return speeds


def ratio(speeds: dict[str, list[float]], name: str, base: str) -> float:
    """The median over the rounds of one contender's speed to another's."""
    return median(a / b for a, b in zip(speeds[name], speeds[base], strict=True))


def report(speeds: dict[str, list[float]], console: Console) -> bool:
    """Prints the table and says whether every bar that was measured is met."""
    table = Table("contender", "headlines/s", "of raw bfloat16", "of the default", "requests of 32")
    of_32 = HTTP if HTTP in speeds else Kind.ENCODER
    for name, values in speeds.items():
        ratios = [f"{ratio(speeds, name, b):.2f}" for b in (Kind.RAW, Kind.DEFAULT, of_32)]
        table.add_row(name, f"{median(values):.0f}", *ratios)
    console.print(table)
    met = True
    for (name, base), bar in BARS.items():
        if name in speeds:
            found = ratio(speeds, name, base)
            met = met and found >= bar
            verdict = "met" if found >= bar else "NOT met"
            console.print(f"{name}: {found:.2f} of {base}, the bar is {bar}: {verdict}")
    return met


def main() -> None:
    """Measures and prints; ends with 1 where a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running platform, such as http://127.0.0.1:8000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--headlines", type=int, default=2048)
    arguments = parser.parse_args()
    speeds = run(arguments.url, arguments.rounds, arguments.headlines)
    raise SystemExit(0 if report(speeds, Console()) else 1)


if __name__ == "__main__":
    main()
