"""This checkout against another one of the project, both running, in turns: what became slower?

    python -m tests.benchmarks.bench_versions FOLDER [--rounds 5] [--records 4000]

FOLDER is the other checkout, as `git worktree add FOLDER COMMIT` makes it; both use this virtual
environment. Each round measures the trunk (`/v1/embeddings` in requests of 32), a chat turn, a
ranking and the stream of news once on each, the two in turns, so that a machine that gets slower
slows both. The ratios are medians over the rounds, of this checkout to the other: of rates more is
better, of latencies less.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, chdir, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from services.cli.platform.broker import known_broker
from shared.streaming.kafka.producer import KafkaTopicProducer
from tests.benchmarks.bench_platform import chat_load, checked
from tests.benchmarks.inputs.news import NewsWriter
from tests.benchmarks.inputs.texts import headlines
from tests.benchmarks.measures.load import Load, in_requests_of, measure
from tests.harness.platform import Platform
from tests.harness.waiting import wait_for

HERE = Path(__file__).resolve().parents[2]
APPLICATIONS = ("v1", "support", "sentiment", "recommend")
RANKINGS = 300
START_S = 300.0
STORE_S = 300.0


@dataclass(frozen=True)
class Kind:
    """Something to measure, and whether more of it is better."""

    name: str
    more_is_better: bool
    measure: Callable[[Platform], float]


def trunk(platform: Platform) -> float:
    """Texts a second, in requests of 32 over 8 connections."""
    bodies = in_requests_of(headlines(4096), 32, model="embed")
    load = Load(platform.port, "/v1/embeddings", bodies, concurrency=8)
    return checked(measure(load)).per_second * 32


def chat(platform: Platform) -> float:
    """Milliseconds of a chat turn of one client, median."""
    return checked(measure(chat_load(platform.port))).median_ms


def rank(platform: Platform) -> float:
    """Milliseconds of a known user's ranking of one client, median."""
    with httpx.Client(base_url=platform.url, timeout=30) as client:
        items = [one["item"] for one in client.get("/recommend/popular?count=1").json()["items"]]
    load = Load(platform.port, f"/recommend/items/{items[0]}/similar", [], concurrency=1, seconds=4)
    return checked(measure(load)).median_ms


def stored(platform: Platform) -> int:
    """Records of news that the platform has taken in."""
    answer = httpx.get(f"{platform.url}/sentiment/stream", timeout=30).json()
    return int(sum(answer[kind] for kind in ("scored", "duplicates", "conflicts", "late")))


def stream(platform: Platform, records: int) -> float:
    """Records a second from the broker to committed rows, each with one named entity."""
    settings = known_broker(platform.state_dir, platform.variables)
    with closing(KafkaTopicProducer(settings)) as producer:
        writer, before = NewsWriter(producer), stored(platform)
        for text in itertools.islice(itertools.cycle(headlines(2048)), records):
            writer.send(text, [text.split()[0]])
        writer.flush()
        begun_s, left = time.perf_counter(), before + records - stored(platform)
        wait_for(lambda: stored(platform) >= before + records, timeout_s=STORE_S, what="all stored")
        return left / (time.perf_counter() - begun_s)


def kinds(records: int) -> Sequence[Kind]:
    """What each round measures."""
    return (
        Kind("trunk, texts/s", True, trunk),
        Kind("chat, median ms", False, chat),
        Kind("similar items, median ms", False, rank),
        Kind("stream, records/s", True, lambda platform: stream(platform, records)),
    )


@contextmanager
def running(checkout: Path) -> Iterator[Platform]:
    """A platform of a checkout with its samples, all ready."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {"PYTHONPATH": str(checkout)}
        platform = Platform(Path(folder) / "var", environ=environ)
        try:
            # Ray's workers look for modules where the command was given, before PYTHONPATH.
            with chdir(checkout):
                platform.begin()
            wait_for(
                lambda: all(platform.ready(name) for name in APPLICATIONS) and stored(platform) > 0,
                timeout_s=START_S,
                what=f"the platform of {checkout}",
            )
            yield platform
        finally:
            platform.stop()


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=4000)
    options = parser.parse_args()
    console = Console()
    found: dict[str, list[tuple[float, float]]] = {}
    asked = kinds(options.records)
    with ExitStack() as stack:
        ours = stack.enter_context(running(HERE))
        theirs = stack.enter_context(running(options.folder.resolve()))
        for platform in (ours, theirs):
            chat(platform)
            trunk(platform)
        for turn in range(options.rounds):
            for kind in asked:
                pair = (ours, theirs) if turn % 2 else (theirs, ours)
                values = {platform.port: kind.measure(platform) for platform in pair}
                found.setdefault(kind.name, []).append((values[ours.port], values[theirs.port]))
                console.print(turn + 1, kind.name, *(f"{v:.1f}" for v in found[kind.name][-1]))
    table = Table("measured", "this", "other", "this : other (each round)", "better where")
    for kind in asked:
        pairs = found[kind.name]
        ratios = [mine / other for mine, other in pairs]
        mine, other = (median(values) for values in zip(*pairs, strict=True))
        each = " ".join(f"{ratio:.2f}" for ratio in sorted(ratios))
        better = "more" if kind.more_is_better else "less"
        table.add_row(
            kind.name, f"{mine:.1f}", f"{other:.1f}", f"{median(ratios):.2f} ({each})", better
        )
    console.print(table)
    console.print(f"load average {os.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores")


if __name__ == "__main__":
    main()
