"""A light HTTP/1.1 load generator in its own process, which disturbs little what it measures.

`measure(load)` starts `python -m tests.benchmarks.measures.load`, hands it the load as JSON on its
standard input and reads back the latencies. On two cores a common client library costs more than
the server that it asks; this one writes prepared bytes to keep-alive connections and reads lengths
alone.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice
from statistics import median, quantiles


@dataclass(frozen=True)
class Load:
    """Requests with these bodies (GET where there are none), over `concurrency` connections.

    With `seconds` the bodies go round until the time is up; without it each is sent once.
    """

    port: int
    path: str
    bodies: list[str] = field(default_factory=list)
    concurrency: int = 1
    seconds: float | None = None


@dataclass(frozen=True)
class Measured:
    """What a load took: the wall time, each request's latency, the count of each other status."""

    wall_s: float
    latencies_s: list[float]
    failures: dict[str, int]

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return len(self.latencies_s) / self.wall_s

    @property
    def median_ms(self) -> float:
        """The median latency."""
        return median(self.latencies_s) * 1000

    @property
    def p99_ms(self) -> float:
        """The latency that one request of a hundred exceeds."""
        return quantiles(self.latencies_s, n=100, method="inclusive")[98] * 1000


def measure(load: Load) -> Measured:
    """Runs a load to its end."""
    with running(load) as process:
        output, _ = process.communicate()
    return _result(output, process)


@contextmanager
def beside(load: Load) -> Iterator[None]:
    """Runs an endless load beside what the block does."""
    with running(load) as process:
        try:
            yield
        finally:
            process.terminate()
            process.communicate()


@contextmanager
def running(load: Load) -> Iterator[subprocess.Popen[str]]:
    """The generator's process, which has read its load."""
    with tempfile.TemporaryFile("w+") as file:
        json.dump(asdict(load), file)
        file.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.measures.load"],
            stdin=file,
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _result(output: str, process: subprocess.Popen[str]) -> Measured:
    if process.returncode != 0:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    return Measured(**json.loads(output))


def _request(load: Load, body: str) -> bytes:
    content = body.encode()
    method = "POST" if load.bodies else "GET"
    headers = {
        "host": "localhost",
        "content-type": "application/json",
        "content-length": str(len(content)),
    }
    lines = [f"{method} {load.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def _exchange(
    request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> int:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, found, rest = head.partition(b"content-length:")
    if not found:
        raise RuntimeError(f"an answer without content-length: {head!r}")
    await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    return int(head.split(b" ", 2)[1])


async def _drive(load: Load) -> Measured:
    latencies_s: list[float] = []
    failures: Counter[str] = Counter()
    prepared = [_request(load, body) for body in load.bodies or [""]]
    endless = load.seconds is not None
    requests = iter(cycle(prepared) if endless else prepared)
    begun_s = time.perf_counter()
    end_s = begun_s + (load.seconds or 0)

    async def worker() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
        for request in requests:
            sent_s = time.perf_counter()
            if endless and sent_s > end_s:
                break
            status = await _exchange(request, reader, writer)
            if status == 200:
                latencies_s.append(time.perf_counter() - sent_s)
            else:
                failures[str(status)] += 1
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(load.concurrency):
            group.create_task(worker())
    return Measured(time.perf_counter() - begun_s, latencies_s, dict(failures))


def in_requests_of(texts: list[str], size: int, *, model: str) -> list[str]:
    """Bodies for an embeddings route with `size` texts each (a single text stands alone)."""
    texts_iterator = iter(texts)
    bodies = []
    while group := list(islice(texts_iterator, size)):
        bodies.append(json.dumps({"model": model, "input": group if size > 1 else group[0]}))
    return bodies


def main() -> None:
    """Reads a load from standard input and prints what it took."""
    measured = asyncio.run(_drive(Load(**json.load(sys.stdin))))
    json.dump(asdict(measured), sys.stdout)


if __name__ == "__main__":
    main()
