"""The stream of news through the whole platform: throughput, alerts' latency, the chat beside it.

    python -m tests.benchmarks.bench_stream [FOLDER] [--broker embedded|kafka] [--rounds 3]
        [--records 8000] [--alerts 200] [--chats 3]

Kafka to committed row is measured for records without entities (the text alone: one row of the
model) and with one named entity each (two rows), in turns with the raw model in bfloat16 on the
same headlines and, where FOLDER is given, with a plain loop of quixstreams and
sentence-transformers, whose virtual environment FOLDER keeps (it needs --broker kafka). Bars: at
least 0.85 of the raw model, at least 1.8 times the plain loop; at half the load from producing the
record that fires an alert to the alert's row p50 0.5 s and p99 1.5 s; a chat's p99 beside the
flat-out stream at most 1.5 times its p99 alone.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median, quantiles

import psutil
from rich.console import Console
from rich.table import Table

from services.cli.news.sample import SAMPLE_FILE
from services.cli.platform.broker import known_broker
from shared.streaming.kafka.producer import KafkaTopicProducer
from tests.benchmarks.bench_platform import chat_load, checked
from tests.benchmarks.inputs.news import NewsWriter, Shape, StoredNews, alert_latencies, flat_out
from tests.benchmarks.inputs.texts import headlines
from tests.benchmarks.measures.load import Measured, measure
from tests.benchmarks.measures.passes import Kind, Passes, passes
from tests.benchmarks.measures.plain_loop import PlainLoop
from tests.harness.places import broker
from tests.harness.platform import Platform
from tests.harness.waiting import wait_for

PER_ROW = "per row of the model"
CONSOLE = Console()


@contextmanager
def running(kind: str, folder: Path) -> Iterator[tuple[NewsWriter, StoredNews, Platform, str]]:
    """A platform that reads from a broker, a writer of its topic, and a view of its database."""
    sample = len(SAMPLE_FILE.read_bytes().splitlines())
    with ExitStack() as stack:
        environ = {}
        if kind == "kafka":
            cluster = stack.enter_context(broker("kafka", folder))
            environ["BANYAN_KAFKA_BOOTSTRAP"] = cluster.bootstrap
        platform = Platform(folder / "var", environ=environ)
        stack.callback(platform.stop)
        platform.up()
        settings = known_broker(platform.state_dir, environ)
        producer = stack.enter_context(closing(KafkaTopicProducer(settings)))
        stored = stack.enter_context(closing(StoredNews(platform.state_dir / "sentiment.db")))
        if kind == "embedded":
            wait_for(lambda: stored.records >= sample, timeout_s=120, what="the sample's news")
        stored.begin()
        yield NewsWriter(producer), stored, platform, str(settings.bootstrap)


def throughput(
    writer: NewsWriter,
    stored: StoredNews,
    raw: Passes,
    plain: PlainLoop | None,
    texts: list[str],
    rounds: int,
) -> dict[str, list[float]]:
    """Texts per second of each contender in each round."""
    for shape in Shape:
        flat_out(writer, stored, texts[:1000], shape)
    speeds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for shape in Shape:
            speeds.setdefault("raw", []).append(len(texts) / raw.measure().wall_s)
            speeds.setdefault(shape, []).append(flat_out(writer, stored, texts, shape))
        if plain is not None:
            speeds.setdefault("plain", []).append(plain.measure(texts))
    return speeds


def chats(
    writer: NewsWriter, stored: StoredNews, platform: Platform, texts: list[str], rounds: int
) -> tuple[list[Measured], list[Measured]]:
    """Chats of one client, in turns alone and beside a stream that always has more to read."""
    chat = chat_load(platform.port)
    measure(chat)
    alone, crowded = [], []
    for _ in range(rounds):
        alone.append(checked(measure(chat)))
        with writer.backlog(stored, texts):
            crowded.append(checked(measure(chat)))
        wait_for(
            lambda: stored.records >= writer.sent, timeout_s=120, what="the rest of the stream"
        )
    return alone, crowded


def percentile(values: list[float], percent: int) -> float:
    """The value that `percent` in a hundred do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


class Rows:
    """The table of what was measured."""

    def __init__(self) -> None:
        self.table = Table("measured", "value", "bar", "met")
        self.is_met = True

    def add(self, name: str, value: str, bar: str = "", met: bool = True) -> None:
        """One line; without a bar it is for information."""
        self.is_met &= met
        self.table.add_row(name, value, bar, ("yes" if met else "NO") if bar else "")

    def ratio(self, name: str, mine: list[float], other: list[float], bar: float | None) -> None:
        """The median of the rounds' ratios."""
        ratios = [a / b for a, b in zip(mine, other, strict=True)]
        shown = f"{median(ratios):.2f} ({', '.join(f'{one:.2f}' for one in ratios)})"
        if bar is None:
            self.add(name, shown)
        else:
            self.add(name, shown, f"{bar} x", median(ratios) >= bar)


def add_throughput(rows: Rows, speeds: dict[str, list[float]]) -> None:
    """Rates, and their ratios within the rounds."""
    for name, values in speeds.items():
        rows.add(f"{name}: texts/s", f"{median(values):.0f}")
    raws = [speeds["raw"][place :: len(Shape)] for place in range(len(Shape))]
    for shape, raw in zip(Shape, raws, strict=True):
        mine = speeds[shape]
        per_row = [shape.rows * speed for speed in mine]
        bar = 0.85 if shape.rows == 1 else None
        rows.ratio(f"{shape} : raw bfloat16", mine, raw, bar)
        if shape.rows > 1:
            rows.ratio(f"{shape} : raw bfloat16, {PER_ROW}", per_row, raw, 0.85)
        if "plain" in speeds:
            rows.ratio(f"{shape} : plain loop", mine, speeds["plain"], 1.8 if bar else None)


def main() -> int:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--broker", choices=["embedded", "kafka"], default="embedded")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", type=int, default=8000)
    parser.add_argument("--alerts", type=int, default=200)
    parser.add_argument("--chats", type=int, default=3, help="rounds of 300 chats")
    arguments = parser.parse_args()
    if arguments.folder is not None and arguments.broker == "embedded":
        # librdkafka, on which quixstreams stands, does not get a group's partitions from Tansu.
        parser.error("the plain loop reads nothing from the embedded broker: use --broker kafka")
    texts = headlines(arguments.records)
    rows = Rows()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        writer, stored, platform, bootstrap = stack.enter_context(
            running(arguments.broker, Path(scratch))
        )
        raw = stack.enter_context(passes(Kind.RAW, len(texts)))
        plain = None
        if arguments.folder is not None:
            plain = PlainLoop(arguments.folder, bootstrap, writer)
        speeds = throughput(writer, stored, raw, plain, texts, arguments.rounds)
        add_throughput(rows, speeds)
        rate = median(speeds[Shape.TEXT]) / 2
        latencies = alert_latencies(
            writer, stored, platform.url, texts, rows_per_s=rate, alerts=arguments.alerts
        )
        p50, p99 = percentile(latencies, 50), percentile(latencies, 99)
        load = f"at {rate:.0f} rows/s, {len(latencies)} alerts"
        rows.add(f"produce to alert row, p50, {load}", f"{p50:.2f} s", "0.5 s", p50 <= 0.5)
        rows.add("produce to alert row, p99", f"{p99:.2f} s", "1.5 s", p99 <= 1.5)
        alone, crowded = chats(writer, stored, platform, texts, arguments.chats)
        alone_ms, crowded_ms = (median(turn.p99_ms for turn in turns) for turns in (alone, crowded))
        times = crowded_ms / alone_ms
        rows.add("chat p99 alone", f"{alone_ms:.1f} ms")
        rows.add(
            "chat p99 beside the stream",
            f"{crowded_ms:.1f} ms = {times:.2f} x",
            "1.5 x",
            times <= 1.5,
        )
    CONSOLE.print(rows.table)
    CONSOLE.print(
        f"{arguments.broker} broker, load average {os.getloadavg()[0]:.1f} on "
        f"{psutil.cpu_count()} cores"
    )
    return 0 if rows.is_met else 1


if __name__ == "__main__":
    sys.exit(main())
