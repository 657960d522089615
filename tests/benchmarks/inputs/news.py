"""News to measure the stream with: written at a rate, and watched until its effects are stored."""

import itertools
import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx

from shared.delivery.producer import Producer
from shared.sentiment.labels import NEGATIVE
from shared.sentiment.surge import SurgeSettings
from tests.benchmarks.inputs.texts import rows_of

TOPIC = "news"
SUPPORT = SurgeSettings().newcomer_support + 4
"""How many negative texts an unknown entity is given: a few more than its alert needs."""

_PARTITIONS = 6
_FLUSH_S = 60.0
_STORE_S = 600.0
_LOOK_EVERY_S = 0.005
_TICK_S = 0.01
_BACKLOG = 10_000
_TEXTS_A_REQUEST = 256


class Shape(StrEnum):
    """What a record names: nobody, or one entity, which the model judges in another row."""

    TEXT = "text alone"
    ENTITY = "one named entity"

    @property
    def rows(self) -> int:
        """Rows of the model for each record."""
        return 1 if self is Shape.TEXT else 2


class NewsWriter:
    """Writes records with new ids, spread evenly over the partitions; for one thread at a time."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._run = uuid.uuid4().hex[:8]
        self._numbers = itertools.count()
        self.sent = 0

    def send(self, text: str, entities: Sequence[str], *, topic: str = TOPIC) -> float:
        """Sends one record, published now; returns that time, which no other record has."""
        number = next(self._numbers)
        published_at = time.time()
        fields = {
            "id": f"{self._run}-{number}",
            "published_at": published_at,
            "source": "benchmark",
            "text": text,
            "entities": list(entities),
        }
        self._producer.send(topic, json.dumps(fields).encode(), partition=number % _PARTITIONS)
        self.sent += topic == TOPIC
        return published_at

    def flush(self) -> None:
        """Waits until the broker has all of it."""
        self._producer.flush(_FLUSH_S)

    @contextmanager
    def backlog(self, stored: "StoredNews", texts: Sequence[str]) -> Iterator[None]:
        """Lets the stream have more to read than it can, all of it written before the block begins.

        Raises:
            RuntimeError: it ran dry.
        """
        for number, text in enumerate(itertools.islice(itertools.cycle(texts), _BACKLOG)):
            self.send(text, [])
            if number % 1000 == 999:
                self.flush()
        self.flush()
        yield
        if stored.records >= self.sent:
            raise RuntimeError("the stream ran dry: what was measured is no flat-out stream")


class StoredNews:
    """What the platform has committed, read from its SQLite file beside it."""

    def __init__(self, path: Path) -> None:
        uri = f"file:{path}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._lock = threading.Lock()
        self._before = 0

    def begin(self) -> None:
        """Lets `records` count from here."""
        self._before += self.records

    @property
    def records(self) -> int:
        """How many records have been stored since `begin`."""
        query = "SELECT coalesce(sum(records), 0) FROM tenant_count WHERE outcome <> 'late'"
        return int(self._rows(query)[0][0]) - self._before

    def alerts_after(self, seq: int) -> list[tuple[int, str, float]]:
        """What came after an event: its number, the alert's entity, and when the alert began."""
        query = (
            "SELECT e.seq, a.entity, a.started_at FROM alert_event e "
            "JOIN alert a ON a.uid = e.alert "
            "WHERE e.seq > ? AND e.state = 'firing' ORDER BY e.seq"
        )
        return [
            (int(number), str(entity), float(at)) for number, entity, at in self._rows(query, seq)
        ]

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def _rows(self, query: str, *values: int) -> list[tuple[str | int | float, ...]]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def flat_out(writer: NewsWriter, stored: StoredNews, texts: Sequence[str], shape: Shape) -> float:
    """Records a second, from the moment when the broker has all of them to the last one's commit.

    Those that were committed by then are not counted: writing them took part of the processor.
    """
    wanted = stored.records + len(texts)
    for number, text in enumerate(texts):
        writer.send(text, [] if shape is Shape.TEXT else [text.split()[0]])
        if number % 1000 == 999:
            writer.flush()
    writer.flush()
    begun_s, left = time.perf_counter(), wanted - stored.records
    if left < len(texts) / 2:
        raise RuntimeError(f"only {left} records were left to measure: write more of them")
    while stored.records < wanted:
        if time.perf_counter() > begun_s + _STORE_S:
            raise TimeoutError(f"{wanted - stored.records} records were not stored in time")
        time.sleep(_LOOK_EVERY_S)
    return left / (time.perf_counter() - begun_s)


@dataclass(frozen=True, slots=True)
class _Planted:
    """A negative text about an entity that nobody knows yet."""

    text: str
    entity: str


def alert_latencies(
    writer: NewsWriter,
    stored: StoredNews,
    url: str,
    texts: Sequence[str],
    *,
    rows_per_s: float,
    alerts: int,
) -> list[float]:
    """Seconds from sending the record that fires an alert until the alert's row is seen.

    Every fifth row of the model is of a planted surge, the others are of headlines.
    """
    planted = _planted(url, alerts)
    entities = {one.entity for one in planted}
    last = max((seq for seq, _, _ in stored.alerts_after(0)), default=0)
    watcher = _Watcher(stored, last, entities)
    others = itertools.cycle(texts)
    begun_s, rows = time.perf_counter(), 0
    with watcher.watching():
        for one in planted:
            for text in itertools.islice(others, 8):
                writer.send(text, [])
            writer.send(one.text, [one.entity])
            rows += 8 + Shape.ENTITY.rows
            ahead_s = begun_s + rows / rows_per_s - time.perf_counter()
            if ahead_s > _TICK_S:
                writer.flush()
                time.sleep(max(0.0, begun_s + rows / rows_per_s - time.perf_counter()))
        writer.flush()
        watcher.wait(_STORE_S / 10)
    missing = len(entities) - len(watcher.latencies_s)
    if missing > len(entities) / 10:
        raise RuntimeError(f"{missing} of {len(entities)} planted surges became no alert")
    return watcher.latencies_s


class _Watcher:
    """Looks for alerts while they are caused, in another thread."""

    def __init__(self, stored: StoredNews, last: int, entities: set[str]) -> None:
        self._stored = stored
        self._last = last
        self._waited_for = set(entities)
        self._stopping = threading.Event()
        self._done = threading.Event()
        self.latencies_s: list[float] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run, name="alerts")
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def wait(self, timeout_s: float) -> None:
        """Until every entity has its alert, or the time is up."""
        self._done.wait(timeout_s)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            found = self._stored.alerts_after(self._last)
            seen_s = time.time()
            for seq, entity, started_at in found:
                self._last = seq
                if entity in self._waited_for:
                    # Event time is when the record was sent: the alert began with one of them.
                    self._waited_for.discard(entity)
                    self.latencies_s.append(seen_s - started_at)
            if not self._waited_for:
                self._done.set()


def _planted(url: str, alerts: int) -> list[_Planted]:
    """For each of so many entities, texts that the platform itself judges to be negative."""
    sources = [
        (row["text"], next(iter(row["entities"])))
        for row in rows_of("finance/sentfin.train")
        if list(row["entities"].values()) == [NEGATIVE]  # type: ignore[attr-defined]
    ]
    found: list[_Planted] = []
    with httpx.Client(base_url=url, timeout=60) as client:
        for number in range(alerts):
            entity = f"Quellmark {_name(number)}"
            wanted = [
                text.replace(name, entity) for text, name in sources if text.count(name) == 1
            ][number % 50 :: 7][: _TEXTS_A_REQUEST // 4]
            body = {"texts": wanted, "entities": [[entity]] * len(wanted)}
            answer = client.post("/sentiment/analyze", json=body)
            answer.raise_for_status()
            negative = [
                _Planted(wanted[one["index"]], entity)
                for one in answer.json()["data"]
                if one["entities"][0]["label"] == NEGATIVE
            ]
            if len(negative) < SUPPORT:
                raise RuntimeError(
                    f"only {len(negative)} of {len(wanted)} texts are judged negative, "
                    f"{SUPPORT} are needed"
                )
            found += negative[:SUPPORT]
    return found


def _name(number: int) -> str:
    """A word for a number, as tickers and names are: letters alone."""
    first, second = divmod(number, 26)
    return f"{chr(65 + first % 26)}{chr(97 + second)}x"
