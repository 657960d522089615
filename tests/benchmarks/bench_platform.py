"""The whole platform: start, chat latency, the proxy, fairness under load, memory.

    python -m tests.benchmarks.bench_platform

Bars: first chat answer within 30 s of `banyan up`; a chat's median at most 25 ms with one client;
a trivial route at least 6 times the requests/s of Serve's default proxy mode; a chat's p99 beside a
flat-out bulk load (requests of 32 texts have the priority `bulk`) at most 3 times its p99 alone.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.inputs.texts import headlines, questions
from tests.benchmarks.measures.load import Load, Measured, beside, in_requests_of, measure
from tests.harness.platform import Platform
from tests.harness.waiting import wait_for

CHAT = "/support/v1/chat/completions"
CHATS = 300
TRIVIAL = "/v1/healthz"
ROUNDS = 3
CONSOLE = Console()


def chat_load(port: int) -> Load:
    """One client that asks different questions one after the other."""
    bodies = [
        json.dumps({"model": "support", "messages": [{"role": "user", "content": text}]})
        for text in questions(CHATS)
    ]
    return Load(port, CHAT, bodies)


@contextmanager
def running(proxy: str) -> Iterator[tuple[Platform, float]]:
    """A platform in one proxy mode, and the seconds from its command to its first chat answer."""
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(Path(folder) / "var", environ={"BANYAN_HTTP_PROXY": proxy})
        begun_s = time.monotonic()
        try:
            platform.begin()
            wait_for(lambda: answers(platform), timeout_s=180, what="the first chat answer")
            yield platform, time.monotonic() - begun_s
        finally:
            platform.stop()


def answers(platform: Platform) -> bool:
    """Whether a chat is answered."""
    question = {"role": "user", "content": "How do I change my PIN?"}
    body = {"model": "support", "messages": [question]}
    try:
        return httpx.post(platform.url + CHAT, json=body, timeout=30).status_code == 200
    except httpx.HTTPError:
        return False


def checked(measured: Measured) -> Measured:
    """The same, without failures.

    Raises:
        RuntimeError: a request was not answered with 200.
    """
    if measured.failures:
        raise RuntimeError(f"requests failed: {measured.failures}")
    return measured


def chat_alone_and_beside_bulk(platform: Platform) -> tuple[list[Measured], list[Measured]]:
    """Chats of one client, in turns alone and beside eight clients that embed without pause."""
    bodies = in_requests_of(headlines(2048), 32, model="embed")
    bulk = Load(platform.port, "/v1/embeddings", bodies, 8, seconds=600)
    chat = chat_load(platform.port)
    measure(chat)
    alone, crowded = [], []
    for _ in range(ROUNDS):
        alone.append(checked(measure(chat)))
        with beside(bulk):
            time.sleep(2)
            crowded.append(checked(measure(chat)))
    return alone, crowded


def trivial_per_second(platform: Platform, concurrency: int) -> float:
    """Requests per second of a route that does nothing; the best of the rounds."""
    load = Load(platform.port, TRIVIAL, concurrency=concurrency, seconds=4)
    return max(checked(measure(load)).per_second for _ in range(ROUNDS))


def print_memory(platform: Platform) -> None:
    """The proportional share of memory of every process, largest first."""
    table = Table("MiB (PSS)", "process")
    shares = [
        (process.memory_full_info().pss / 2**20, " ".join(process.cmdline())[:60])
        for process in platform.processes()
    ]
    for share, name in sorted(shares, reverse=True):
        table.add_row(f"{share:.0f}", name)
    table.add_row(f"{sum(share for share, _ in shares):.0f}", f"all {len(shares)}")
    CONSOLE.print(table)


def main() -> None:
    """Measures and prints the tables."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    table = Table("measured", "value", "bar", "met")

    def row(name: str, value: str, bar: str, met: bool) -> None:
        table.add_row(name, value, bar, "yes" if met else "NO")

    with running("haproxy") as (platform, start_s):
        row("first chat answer after `banyan up`", f"{start_s:.1f} s", "30 s", start_s <= 30)
        alone, crowded = chat_alone_and_beside_bulk(platform)
        chat_ms = median(turn.median_ms for turn in alone)
        row("chat, one client, median", f"{chat_ms:.1f} ms", "25 ms", chat_ms <= 25)
        p99_ms, crowded_ms = (median(turn.p99_ms for turn in turns) for turns in (alone, crowded))
        row("chat, one client, p99", f"{p99_ms:.1f} ms", "", True)
        ratio = crowded_ms / p99_ms
        row(
            "chat p99 beside bulk",
            f"{crowded_ms:.1f} ms = {ratio:.2f} x",
            "3 x",
            ratio <= 3,
        )
        haproxy = {n: trivial_per_second(platform, n) for n in (1, 32)}
        print_memory(platform)
    with running("serve") as (platform, _):
        serve = {n: trivial_per_second(platform, n) for n in (1, 32)}
    for n, rate in haproxy.items():
        ratio = rate / serve[n]
        value = f"{rate:.0f} : {serve[n]:.0f} = {ratio:.1f} x"
        row(f"trivial route, HAProxy : default, {n} clients", value, "6 x", ratio >= 6)
    CONSOLE.print(table)
    load = os.getloadavg()[0]
    CONSOLE.print(f"load average {load:.1f} on {psutil.cpu_count()} cores")


if __name__ == "__main__":
    main()
