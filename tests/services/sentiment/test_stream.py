"""The stream in this process: a broker in memory, a real database, a trunk without a model."""

import asyncio
import itertools
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from services.sentiment.config import SentimentSettings
from services.sentiment.reading import NewsReader
from services.sentiment.service import open_database
from services.sentiment.stream import NewsStream, news_stream
from services.sentiment.tables import (
    ARTICLE,
    LEDGER,
    MENTION,
)
from shared.delivery.relay import RelaySettings
from shared.delivery.sinks.webhook import WebhookSettings
from shared.errors import DeadlineError, OverloadedError
from shared.models.tasks import Priority
from shared.storage.database import Database
from shared.streaming.settings import ProcessorSettings
from tests.harness.loop import loop_in_thread
from tests.harness.memory_broker import MemoryBroker
from tests.harness.sentiment.fakes import FakeTrunk
from tests.harness.sentiment.made import START_S, surge, value
from tests.harness.waiting import wait_for

WAIT_S = 20.0


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in another thread, as a replica has it."""
    with loop_in_thread() as loop:
        yield loop


@pytest.fixture
def quick(settings: SentimentSettings) -> SentimentSettings:
    processor = ProcessorSettings(
        poll_timeout_s=0.02, idle_after_s=0.1, retry_first_s=0.02, retry_max_s=0.1
    )
    relay = RelaySettings(retry_first_s=0.05, retry_max_s=0.2, poll_s=0.1)
    return settings.model_copy(update={"processor": processor, "relay": relay})


@pytest.fixture
def database(quick: SentimentSettings) -> Iterator[Database]:
    database = open_database(quick)
    yield database
    database.close()


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(partitions=2)


@contextmanager
def running(
    settings: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> Iterator[NewsStream]:
    stream = news_stream(
        settings,
        consumer=broker.consumer(settings.topic, settings.group),
        producer=broker.producer(),
        trunk=trunk,
        database=database,
        loop=loop,
    )
    stream.start()
    try:
        yield stream
    finally:
        stream.stop()


def send(broker: MemoryBroker, values: Sequence[bytes | None], partition: int = 0) -> None:
    producer = broker.producer()
    stamp_ms = int((START_S + 86_400) * 1000)
    for one in values:
        producer.send("news", one, key=b"k", partition=partition, timestamp_ms=stamp_ms)
    producer.flush(1.0)


def counted(database: Database, table: sa.Table = LEDGER.inbox) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


SLOW_CHARACTERS_A_SECOND = 20_000


def read_slowly(texts: Sequence[str], timeout_s: float | None) -> None:
    """Refuses what a slow trunk has not the time for, by no clock."""
    needed_s = sum(map(len, texts)) / SLOW_CHARACTERS_A_SECOND
    if timeout_s is not None and needed_s > timeout_s:
        raise DeadlineError(f"no answer within {timeout_s:.3g} s")


class Receiver(HTTPServer):
    """A webhook's receiver that answers what a test sets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status = 200
        self.unavailable_once: set[str] = set()
        self.got: list[tuple[str, dict[str, object]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = self.server
        assert isinstance(receiver, Receiver)
        body = self.rfile.read(int(self.headers["content-length"]))
        status = receiver.status  # once: a test may change it meanwhile
        state = self.headers["idempotency-key"].partition(":")[2]
        if state in receiver.unavailable_once:
            receiver.unavailable_once.discard(state)
            status = 503
        if status == 200:
            receiver.got.append((self.headers["idempotency-key"], orjson.loads(body)))
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
    thread.start()
    yield receiver
    receiver.shutdown()
    thread.join()
    receiver.server_close()


def surging() -> list[bytes]:
    values = []
    for number, (time_s, entities) in enumerate(surge()):
        text = "Acme falls" if entities["Acme"] == "negative" else "Acme says something"
        values.append(value(id=f"s{number}", text=text, published_at=START_S + time_s))
    return values


def test_news_become_scores_and_bad_records_dead_letters(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    poison = [b"\xff", b"{", None, value(text=""), b'{"id": NaN}']
    with running(quick, broker, trunk, database, loop) as stream:
        send(broker, [value(id="a", text="Acme gains"), *poison, value(id="b", text="Shares fall")])
        send(broker, [value(id="c", text="Fresh Ltd falls", entities=[])], partition=1)
        wait_for(lambda: counted(database) == 8, "all records are stored")
        wait_for(lambda: len(broker.records("news.dead-letters")) == 5, "dead letters are sent")
        wait_for(lambda: broker.committed("news", quick.group) == {0: 7, 1: 1}, "committed")
        wait_for(lambda: stream.status.rate > 0, "a rate is known")
        assert stream.status.faults == {"broker": None, "stream": None}
        stream.check_health()

    with database.read() as connection:
        labels = dict(iter(connection.execute(sa.select(ARTICLE.c.id, ARTICLE.c.label))))
        entities = set(connection.execute(sa.select(MENTION.c.entity)).scalars())
    assert labels == {"a": "positive", "b": "negative", "c": "negative"}
    assert entities == {"Acme"}
    assert set(trunk.priorities) == {Priority.STREAM}
    letter = broker.records("news.dead-letters")[0]
    headers = dict(letter.headers)
    assert headers["origin-topic"] == b"news"
    origin = [headers[f"origin-{name}"] or b"" for name in ("topic-id", "partition", "offset")]
    assert letter.key == b":".join(origin)


def test_each_language_has_its_bundle(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    with running(quick, broker, trunk, database, loop):
        send(broker, [value(id="a", text="Acme gains"), value(id="b", text="公司全年亏损扩大")])
        wait_for(lambda: counted(database) == 2, "both records are stored")
        wait_for(lambda: len(broker.records("news.dead-letters")) == 1, "one is a dead letter")
        trunk.missing = set()
        send(broker, [value(id="b", text="公司全年亏损扩大"), value(id="c", text="Shares fall")])
        wait_for(lambda: counted(database) == 4, "both are stored")

    with database.read() as connection:
        columns = (ARTICLE.c.id, ARTICLE.c.label, ARTICLE.c.bundle)
        found = {row.id: (row.label, row.bundle) for row in connection.execute(sa.select(*columns))}
    assert found == {
        "a": ("positive", "finance-sentiment@1"),
        "b": ("negative", "finance-sentiment-zh@1"),
        "c": ("negative", "finance-sentiment@1"),
    }
    headers = dict(broker.records("news.dead-letters")[0].headers)
    assert headers["reason"] == b"no-task"
    assert b"banyan train FILE.csv --task finance-sentiment-zh" in (headers["detail"] or b"")


def test_a_topic_of_a_language_without_a_bundle_stops_the_stream(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    settings = quick.model_copy(update={"max_dead_letters": 3})
    with running(settings, broker, trunk, database, loop) as stream:
        send(broker, [value(id=f"n{n}", text="公司全年亏损扩大") for n in range(4)])
        wait_for(lambda: stream.status.state.phase == "stopped", "the stream stops")
        assert "finance-sentiment-zh" in str(stream.status.faults["stream"])


def test_spellings_of_one_name_count_once(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    with running(quick, broker, trunk, database, loop):
        send(broker, [value(text="Bolt plunges", entities=["Bolt", "bolt", "BOLT"])])
        wait_for(lambda: counted(database) == 1, "the record is stored")

    ((entity, counts),) = NewsReader(database).entities("default", 5)
    assert (entity, counts.total) == ("Bolt", 1)
    assert counted(database, MENTION) == 1


def test_a_surge_becomes_an_alert_that_is_told_to_all(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
    receiver: Receiver,
) -> None:
    webhook = WebhookSettings(url=SecretStr(receiver.url), allow_private=True)
    settings = quick.model_copy(update={"webhook": webhook})
    receiver.status = 503
    with running(settings, broker, trunk, database, loop) as stream:
        send(broker, surging())
        wait_for(
            lambda: "503" in str(stream.status.faults["webhook"]), "the webhook's fault is known"
        )
        receiver.status = 200
        reader = NewsReader(database)

        def told() -> bool:
            alerts = reader.alerts("default", state="resolved", entity="Acme", limit=5)
            keys = {key for key, _ in receiver.got}
            return bool(alerts) and {f"{alerts[0].uid}:{s}" for s in ("firing", "resolved")} <= keys

        wait_for(told, "the webhook has both states")
        wait_for(lambda: stream.status.faults["webhook"] is None, "the webhook is well again")
        wait_for(lambda: len(broker.records("alerts")) >= 2, "the topic has both states")
    event = orjson.loads(broker.records("alerts")[0].value or b"")
    assert (event["specversion"], event["type"]) == ("1.0", "banyan.sentiment.alert.firing")
    keys = [key for key, _ in receiver.got]
    assert len(keys) == len(set(keys))


def test_a_receiver_that_fails_once_gets_firing_before_resolved(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webhook = WebhookSettings(url=SecretStr(receiver.url), allow_private=True)
    settings = quick.model_copy(update={"webhook": webhook})
    # The message that failed waits for longer than the relay does.
    waits = itertools.cycle([1.0, 0.5])
    monkeypatch.setattr(random, "uniform", lambda low, high: next(waits))
    receiver.unavailable_once = {"firing"}
    with running(settings, broker, trunk, database, loop):
        send(broker, surging())
        wait_for(lambda: len(receiver.got) == 2, "the webhook has both states")

    assert [key.partition(":")[2] for key, _ in receiver.got] == ["firing", "resolved"]


def test_while_something_is_away_nothing_is_lost(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    with running(quick, broker, trunk, database, loop) as stream:
        trunk.error = OverloadedError("the trunk is full")
        send(broker, [value(id="a")])
        wait_for(
            lambda: "full" in str(stream.status.faults["stream"]), "the trunk's fault is known"
        )
        trunk.error = None
        wait_for(lambda: counted(database) == 1, "the record is stored")

        broker.away = True
        wait_for(lambda: stream.status.faults["broker"] is not None, "the broker's fault is known")
        broker.away = False
        send(broker, [value(id="b")])
        wait_for(lambda: counted(database) == 2, "the next one is stored")

        trunk.missing = {"finance-entity-sentiment"}
        send(broker, [value(id="c")])
        wait_for(
            lambda: "finance-entity" in str(stream.status.faults["stream"]),
            "the missing task is named",
        )
        trunk.missing = set()
        wait_for(lambda: counted(database) == 3, "the last one is stored")
        wait_for(lambda: stream.status.faults["stream"] is None, "the stream is well again")


def test_a_topic_made_anew_is_read_from_its_start(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    with running(quick, broker, trunk, database, loop):
        send(broker, [value(id=f"old{n}") for n in range(5)])
        wait_for(lambda: counted(database) == 5, "the old ones are stored")
        broker.recreate("news")
        send(broker, [value(id=f"new{n}") for n in range(5)])
        wait_for(lambda: counted(database, ARTICLE) == 10, "the new ones are stored")


def test_too_many_dead_letters_stop_the_stream_for_good(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    settings = quick.model_copy(update={"max_dead_letters": 3})
    with running(settings, broker, trunk, database, loop) as stream:
        send(broker, [b"{"] * 4)
        wait_for(lambda: stream.status.state.phase == "stopped", "the stream stops")
        assert "dead letters in a row" in str(stream.status.faults["stream"])
        stream.check_health()
    assert counted(database) == 0


def test_a_second_host_takes_what_the_first_leaves(
    quick: SentimentSettings,
    broker: MemoryBroker,
    trunk: FakeTrunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
) -> None:
    with running(quick, broker, trunk, database, loop):
        send(broker, [value(id=f"a{n}") for n in range(50)])
        send(broker, [value(id=f"b{n}") for n in range(50)], partition=1)
        with running(quick, broker, trunk, database, loop):
            wait_for(lambda: counted(database) > 0, "something is stored")
        send(broker, [value(id=f"c{n}") for n in range(50)])
        wait_for(lambda: counted(database, ARTICLE) == 150, "everything is stored once")
    assert counted(database) == 150


def test_long_texts_with_many_known_names_are_given_the_time_that_they_ask(
    quick: SentimentSettings,
    broker: MemoryBroker,
    database: Database,
    loop: asyncio.AbstractEventLoop,
    tmp_path: Path,
) -> None:
    names = [f"Harbour Line {number:03d}" for number in range(100)]
    known = tmp_path / "known.jsonl"
    known.write_bytes(b"\n".join(orjson.dumps({"entity": name}) for name in names))
    settings = quick.model_copy(update={"entities_file": known, "stream_timeout_s": 1.0})
    text = " and ".join(names).ljust(3_000, ".")
    send(broker, [value(id=f"n{number}", text=text) for number in range(10)])

    trunk = FakeTrunk()
    trunk.refuse = read_slowly
    with running(settings, broker, trunk, database, loop):
        wait_for(lambda: counted(database) == 10, "all are stored")

    assert counted(database, ARTICLE) == 10
    assert counted(database, MENTION) == 1_000


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ValueError("a fault of ours"), "failed"), (DeadlineError("too late"), "too-slow")],
)
def test_a_record_that_fails_by_itself_is_a_dead_letter_and_the_others_are_scored(
    quick: SentimentSettings,
    broker: MemoryBroker,
    database: Database,
    loop: asyncio.AbstractEventLoop,
    error: Exception,
    reason: str,
) -> None:
    def choke(texts: Sequence[str], _timeout_s: float | None) -> None:
        if any("poison" in text for text in texts):
            raise error

    trunk = FakeTrunk()
    trunk.refuse = choke
    texts = ["poison" if number == 11 else "Acme gains" for number in range(20)]
    send(broker, [value(id=f"n{n}", text=text) for n, text in enumerate(texts)])

    with running(quick, broker, trunk, database, loop) as stream:
        wait_for(lambda: counted(database) == 20, "all are stored")
        wait_for(lambda: stream.status.state.phase == "running", "the stream runs")

    assert counted(database, ARTICLE) == 19
    with database.read() as connection:
        (letter,) = connection.execute(sa.select(LEDGER.dead_letters)).mappings()
    assert (letter["offset"], letter["reason"], letter["detail"]) == (11, reason, str(error))
