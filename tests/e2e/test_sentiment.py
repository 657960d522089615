"""From the broker to an alert, on the real platform: the sample, own records, poison, failures.

The order of the tests matters once: near the end the broker of the session's platform is killed.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from shared.storage.identifiers import new_id
from shared.streaming.embedded import EmbeddedBroker
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.message import Record
from shared.streaming.settings import KafkaSettings
from tests.harness.platform import START_S, Platform, free_port, name_of
from tests.harness.receiver import Received
from tests.harness.waiting import wait_for

pytestmark = pytest.mark.platform

ALERT_DEADLINE_S = 120
SAMPLE = Path(__file__).parents[2] / "services" / "sentiment" / "sample" / "news.jsonl"
SURGE = "Brevanor Foods"
LABELS = {"negative", "neutral", "positive"}

Json = dict[str, object]


def stream(http: httpx.Client) -> Json:
    answer = http.get("/sentiment/stream")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def count(http: httpx.Client, name: str) -> int:
    value = stream(http)[name]
    assert isinstance(value, int)
    return value


def alerts(http: httpx.Client, **query: str) -> list[Json]:
    found: list[Json] = http.get("/sentiment/alerts", params=query).json()["alerts"]
    return found


def texts_about(http: httpx.Client, entity: str, window: str = "1d") -> int:
    answer = http.get("/sentiment/trends", params={"entity": entity, "window": window})
    assert answer.status_code == 200, answer.text
    return sum(int(point["total"]) for point in answer.json()["points"])


def news(text: str, *entities: str, **changes: object) -> Json:
    """A record as a producer writes it, published now."""
    now_s = time.time()
    fields = {"id": new_id(), "published_at": now_s, "source": "test", "text": text}
    return {**fields, **({"entities": list(entities)} if entities else {}), **changes}


def value(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields).encode()


def produce(http: httpx.Client, values: Iterable[bytes | None]) -> None:
    bootstrap = stream(http)["bootstrap"]
    assert isinstance(bootstrap, str)
    with closing(KafkaTopicProducer(KafkaSettings(bootstrap=bootstrap))) as producer:
        for content in values:
            producer.send("news", content, key=new_id().encode())
        producer.flush(10)


@pytest.fixture(scope="module")
def fired(platform: Platform, http: httpx.Client) -> Json:
    """The alert of the sample's surge, once the platform has said that it fired."""
    wait_for(
        lambda: "alert after" in platform.said,
        timeout_s=ALERT_DEADLINE_S,
        what="the sample's alert",
    )
    (alert,) = alerts(http, entity=SURGE)
    return alert


def test_the_samples_surge_is_an_alert_that_the_start_tells_of(
    platform: Platform, http: httpx.Client, fired: Json
) -> None:
    said = re.search(r"alert after \d+ s: negative news about (.+) surges", platform.said)

    assert said is not None
    assert said[1] == SURGE
    assert [alert["entity"] for alert in alerts(http) if alert["fired_at"]] == [SURGE]
    figures, drivers = fired["figures"], fired["drivers"]
    assert isinstance(figures, dict)
    assert isinstance(drivers, list)
    assert figures["negative"] > 5 * figures["expected_negative"]
    assert any("Brevanor" in driver["text"] for driver in drivers)


def test_every_record_of_the_sample_is_counted_once(http: httpx.Client, fired: Json) -> None:
    records = len(SAMPLE.read_text("utf-8").splitlines())

    wait_for(
        lambda: texts_about(http, "") >= records, timeout_s=30, what="all of the sample is scored"
    )
    assert count(http, "scored") >= records
    partitions = stream(http)["partitions"]
    assert isinstance(partitions, list)
    assert [partition["partition"] for partition in partitions] == list(range(6))
    listed = http.get("/sentiment/entities").json()["entities"]
    totals = {found["entity"]: found["total"] for found in listed}
    assert texts_about(http, SURGE) == texts_about(http, SURGE, "1h") == totals[SURGE] >= 26


def test_the_webhook_is_told_with_a_key_of_its_own(
    webhook: tuple[str, Received], fired: Json
) -> None:
    received = webhook[1]
    keys = [f"{fired['uid']}:firing", f"{fired['uid']}:resolved"]

    wait_for(
        lambda: received.acknowledged >= set(keys), timeout_s=60, what="both messages are taken"
    )
    for key, status in zip(keys, ("firing", "resolved"), strict=True):
        # The receiver fails now and then: the same message was sent again, unchanged.
        (body,) = set(received.bodies[key])
        payload = json.loads(body)
        assert (payload["version"], payload["status"]) == ("4", status)
        (told,) = payload["alerts"]
        assert told["labels"]["entity"] == SURGE
        assert told["fingerprint"] == fired["fingerprint"]


def events(http: httpx.Client, number: int, last_id: str) -> list[tuple[str, Json]]:
    """The id and alert of the first events of the stream."""
    found: list[tuple[str, Json]] = []
    headers = {"last-event-id": last_id}
    with http.stream("GET", "/sentiment/alerts/stream", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        event_id = ""
        for line in response.iter_lines():
            # A comment says that nothing came for a while.
            assert not line.startswith(":"), f"{len(found)} of {number} events after {last_id}"
            name, _, text = line.partition(": ")
            if name == "id":
                event_id = text
            elif name == "data":
                found.append((event_id, json.loads(text)))
                if len(found) == number:
                    break
    return found


def test_the_event_stream_goes_on_after_the_last_event_id(http: httpx.Client, fired: Json) -> None:
    whole = events(http, 2, last_id="0")
    (next_event,) = events(http, 1, last_id=whole[0][0])

    assert whole[0][1]["state"] == "pending"
    assert next_event == whole[1]


def test_entities_of_one_headline_are_judged_apart(http: httpx.Client) -> None:
    text = "Reliance gains while Infosys tumbles"
    body = {"texts": [text], "entities": [["Reliance", "Infosys"]]}

    answer = http.post("/sentiment/analyze", json=body)

    assert answer.status_code == 200, answer.text
    (analysis,) = answer.json()["data"]
    labels = {found["text"]: found["label"] for found in analysis["entities"]}
    assert labels == {"Reliance": "positive", "Infosys": "negative"}
    for found in analysis["entities"]:
        assert text[found["start"] : found["end"]] == found["text"]
        assert set(found["scores"]) == LABELS
        assert sum(found["scores"].values()) == pytest.approx(1, abs=1e-4)


def test_names_are_found_where_none_is_given(http: httpx.Client) -> None:
    texts = ["Brevanor shares plunge 📉 as losses widen", "Nothing happened"]

    answer = http.post("/sentiment/analyze", json={"texts": texts})

    first, second = answer.json()["data"]
    assert [found["entity"] for found in first["entities"]] == [SURGE]
    assert first["entities"][0]["label"] == "negative"
    assert (first["index"], second["index"]) == (0, 1)


def test_own_records_are_scored(http: httpx.Client) -> None:
    entity = f"Own {new_id()}"
    before = count(http, "scored")

    produce(http, [value(news(f"{entity} posts a record loss", entity)) for _ in range(20)])

    # What else is scored meanwhile counts too.
    wait_for(lambda: texts_about(http, entity) == 20, timeout_s=30, what="20 texts about it")
    assert count(http, "scored") >= before + 20


def test_an_id_counts_once(http: httpx.Client) -> None:
    entity = f"Twice {new_id()}"
    record = news(f"{entity} expands", entity)
    other = {**record, "text": f"{entity} shrinks"}
    before = stream(http)

    produce(http, [value(record)])
    wait_for(lambda: texts_about(http, entity) == 1, timeout_s=30, what="the first is scored")
    produce(http, [value(record), value(other)])

    for name in ("duplicates", "conflicts"):
        first = before[name]
        assert isinstance(first, int)
        wait_for(lambda n=name, f=first: count(http, n) == f + 1, timeout_s=30, what=name)  # type: ignore[misc]
    assert texts_about(http, entity) == 1


def test_poison_becomes_dead_letters_and_keeps_nothing_up(http: httpx.Client) -> None:
    entity = f"Good {new_id()}"
    good = value(news(f"{entity} grows", entity))
    ahead = news("a clock that is wrong", published_at=time.time() + 86_400)
    poison = {
        "bad-encoding": b'{"id": "\xff"}',
        "bad-json": b'{"id": "a", "published_at": NaN}',
        "bad-schema": b'{"id": 1}',
        "null-value": None,
        "too-large": value(news("x" * 300_000)),
        "clock-ahead": value(ahead),
    }
    before = count(http, "dead_letters")

    produce(http, [part for bad in poison.values() for part in (bad, good)])

    expected = before + len(poison)
    wait_for(lambda: count(http, "dead_letters") == expected, timeout_s=30, what="dead letters")
    wait_for(lambda: texts_about(http, entity) == 1, timeout_s=30, what="the good record")
    assert stream(http)["phase"] == "running"
    found = dead_letters(http, len(poison))
    assert {headers["reason"] for headers in found} >= set(poison)
    assert all(headers["origin-topic"] == "news" for headers in found)


def dead_letters(http: httpx.Client, number: int) -> list[dict[str, str]]:
    """The headers of the records in the topic of dead letters, once it has some."""
    settings = KafkaSettings(bootstrap=str(stream(http)["bootstrap"]))
    read: list[Record] = []
    with closing(KafkaTopicConsumer(settings, "news.dead-letters", new_id())) as consumer:

        def has_enough() -> bool:
            read.extend(consumer.poll(0.5, 100))
            return len({record.key for record in read}) >= number

        wait_for(has_enough, timeout_s=30, what="the topic of dead letters")
    return [{name: (text or b"").decode() for name, text in record.headers} for record in read]


def test_the_commands_show_it(platform: Platform, http: httpx.Client, tmp_path: Path) -> None:
    entity = f"Replayed {new_id()}"
    file = tmp_path / "mine.jsonl"
    records = [
        news(f"{entity} wins a contract", entity, published_at=1_700_000_000 + 60 * minute)
        for minute in range(30)
    ]
    file.write_text("".join(f"{json.dumps(record)}\n" for record in records))

    replayed = platform.command("sentiment", "replay", str(file), "--speed", "1000x")
    assert replayed.returncode == 0, replayed.stderr
    assert "30 of 30 records acknowledged" in replayed.stdout
    wait_for(lambda: texts_about(http, entity) == 30, timeout_s=30, what="the replay is scored")

    watched = platform.command("sentiment", "watch", "--once")
    listed = platform.command("sentiment", "alerts")
    analyzed = platform.command("analyze", "Acme tumbles", "--entity", "Acme")
    status = platform.command("status")
    for shown in (watched, listed, analyzed, status):
        assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Brevanor" in watched.stdout
    assert "Brevanor" in listed.stdout
    assert "negative" in analyzed.stdout
    bootstrap = str(stream(http)["bootstrap"])
    assert f"broker {bootstrap}" in status.stdout
    assert bootstrap in platform.said


def test_the_process_of_the_broker_that_dies_is_another_soon(
    platform: Platform, http: httpx.Client
) -> None:
    before = stream(http)
    (broker,) = (p for p in platform.processes() if name_of(p) == "tansu")
    entity = f"Later {new_id()}"

    broker.kill()

    wait_for(lambda: "runs again on" in platform.said, timeout_s=30, what="the line that says so")
    produce(http, [value(news(f"{entity} comes back", entity)) for _ in range(5)])
    wait_for(lambda: texts_about(http, entity) == 5, timeout_s=30, what="records of the new broker")
    after = stream(http)
    assert after["bootstrap"] == before["bootstrap"]
    assert after["topic_id"] != before["topic_id"]


@contextmanager
def started(broker: EmbeddedBroker) -> Iterator[None]:
    broker.start()
    try:
        yield
    finally:
        broker.stop()


@pytest.mark.drill
def test_a_platform_starts_without_its_broker_and_goes_on_with_it(
    own_platform: Platform, tmp_path: Path
) -> None:
    port = free_port()
    own_platform.environ["BANYAN_KAFKA_BOOTSTRAP"] = f"127.0.0.1:{port}"
    assert own_platform.up("--no-sample") < START_S
    assert "sentiment waits" in own_platform.said
    assert not [p for p in own_platform.processes() if name_of(p) == "tansu"]

    with httpx.Client(base_url=own_platform.url, timeout=30) as http:
        answer = http.get("/sentiment/readyz")
        assert answer.status_code == 503
        assert "ready" not in answer.json()["checks"]["broker"]
        assert own_platform.ready("v1")
        assert own_platform.ready("support")
        analysis = http.post("/sentiment/analyze", json={"texts": ["Acme gains"]})
        assert analysis.status_code == 200
        with started(EmbeddedBroker(tmp_path / "broker.log", port=port)):
            wait_for(lambda: own_platform.ready("sentiment"), timeout_s=30, what="the broker")
            produce(http, [value(news("Acme gains", "Acme"))])
            wait_for(lambda: texts_about(http, "Acme") == 1, timeout_s=30, what="the record")
