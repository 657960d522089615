"""One record in a hundred is poison: each is one dead letter, and nobody else is late for it.

    python -m tests.drills.poison [--broker kafka|embedded] [--database sqlite|postgresql] \
        [--records 10000] [--per-second 500] [--seed N]

Tweets are produced at a steady rate. In the place of 1 % of them stand bad UTF-8, bad JSON, another
schema, 1 MB, null and NaN. Every one of those must be one dead-letter row with its reason, and on
the topic of dead letters at least once with its origin in headers; every other record must be
scored within 5 s of being produced. The exit code is 1 where that does not hold.
"""

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from services.sentiment.tables import (
    ARTICLE,
    LEDGER,
)
from shared.delivery.producer import Producer
from shared.storage.database import Database
from shared.streaming.dead_letters import (
    BAD_ENCODING,
    BAD_JSON,
    BAD_SCHEMA,
    NULL_VALUE,
    TOO_LARGE,
)
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.message import Record
from tests.drills.hosting import open_database
from tests.drills.members import members
from tests.drills.outcome import is_settled, read_outcome, stored
from tests.drills.plan import ConsumerPlan
from tests.drills.report import Report
from tests.drills.tweets import Tweet, tweets
from tests.harness.places import BrokerKind, DatabaseKind, broker, database_url, missing
from tests.harness.waiting import wait_for

SHARE = 0.01
MAX_LATENESS_S = 5.0

_READ_S = 60.0
_START_S = 60.0
_END_S = 120.0
_FLUSH_TIMEOUT_S = 30.0
_SLICES_PER_S = 10
_KEY = b"poison-"
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Poison:
    """A kind of record that cannot be used, and the reason it must be filed under."""

    name: str
    reason: str
    value: Callable[[Tweet], bytes | None]


def _with(tweet: Tweet, **changes: object) -> bytes:
    return json.dumps(json.loads(tweet.value) | changes).encode()


KINDS = (
    Poison("bad UTF-8", BAD_ENCODING, lambda tweet: tweet.value[:-1] + b"\xff\xfe}"),
    Poison("bad JSON", BAD_JSON, lambda tweet: tweet.value[:-9]),
    Poison("wrong schema", BAD_SCHEMA, lambda tweet: _with(tweet, text=["no", "text"])),
    Poison("1 MB", TOO_LARGE, lambda tweet: _with(tweet, text="x" * _MEGABYTE)),
    Poison("null", NULL_VALUE, lambda tweet: None),
    Poison("NaN", BAD_JSON, lambda tweet: _with(tweet, published_at=float("nan"))),
)


@dataclass(frozen=True)
class Drill:
    """How a drill is run."""

    broker: BrokerKind
    database: DatabaseKind
    records: int = 10_000
    per_second: int = 500
    seed: int = 0


def run(drill: Drill, folder: Path) -> Report:
    """Runs a drill in a folder, and says what held."""
    with (
        broker(drill.broker, folder) as cluster,
        database_url(drill.database, folder / "database") as url,
        open_database(url) as database,
    ):
        plan = ConsumerPlan(
            bootstrap=cluster.bootstrap,
            topic=f"news-{uuid.uuid4().hex[:8]}",
            group="poisoned",
            database_url=url,
            max_batch_records=512,
        )
        with (
            members(plan, 1, folder / "consumer"),
            closing(KafkaTopicProducer(plan.kafka)) as producer,
        ):
            first, *others = tweets(drill.records + 1)
            _warm_up(producer, plan, database, first)
            sent_at, kinds = _produce(drill, producer, plan.topic, others)
            wait_for(
                lambda: is_settled(database, drill.records + 1),
                timeout_s=_END_S,
                what="every record stored and every dead letter sent",
            )
        return _report(plan, database, sent_at, kinds)


def _warm_up(producer: Producer, plan: ConsumerPlan, database: Database, tweet: Tweet) -> None:
    """Waits until the consumer reads: its start is not what is measured."""
    producer.send(plan.topic, tweet.value, key=tweet.ticker.encode())
    producer.flush(_FLUSH_TIMEOUT_S)
    wait_for(lambda: stored(database) == 1, timeout_s=_START_S, what="the consumer's first record")


def _produce(
    drill: Drill, producer: Producer, topic: str, good: list[Tweet]
) -> tuple[dict[str, float], dict[bytes, Poison]]:
    """When each good record was sent, by its id, and which poison each key is."""
    draw = random.Random(drill.seed)
    poisoned = set(draw.sample(range(len(good)), round(SHARE * len(good))))
    next_kind: Iterator[Poison] = itertools.cycle(KINDS)
    sent_at: dict[str, float] = {}
    kinds: dict[bytes, Poison] = {}
    begun_s = time.monotonic()
    size = max(1, drill.per_second // _SLICES_PER_S)
    for start in range(0, len(good), size):
        for place, tweet in enumerate(good[start : start + size], start):
            if place in poisoned:
                kind, key = next(next_kind), _KEY + str(place).encode()
                producer.send(topic, kind.value(tweet), key=key)
                kinds[key] = kind
            else:
                sent_at[tweet.id] = time.time()
                producer.send(topic, tweet.value, key=tweet.ticker.encode())
        producer.flush(_FLUSH_TIMEOUT_S)
        time.sleep(max(0.0, begun_s + (start + size) / drill.per_second - time.monotonic()))
    return sent_at, kinds


def _report(
    plan: ConsumerPlan, database: Database, sent_at: dict[str, float], kinds: dict[bytes, Poison]
) -> Report:
    report = Report()
    kafka, topic = plan.kafka, plan.topic
    with closing(KafkaTopicConsumer(kafka, topic, "drill")) as consumer:
        source = [record for record in _all(consumer) if record.key in kinds]
    expected = [
        (record.topic_id, record.partition, record.offset, kinds[record.key or b""].reason)
        for record in source
    ]
    outcome = read_outcome(database)
    report.equal("poison found in the topic", len(kinds), len(expected))
    report.same_rows("dead-letter rows, with reasons", expected, outcome.dead_letters)
    dead_letters = plan.sentiment.dead_letters_topic
    with closing(KafkaTopicConsumer(kafka, dead_letters, "drill")) as consumer:
        copies = [_origin(record) for record in _all(consumer)]
    report.same_rows("topic of dead letters, by origin", expected, set(copies))
    delays = _delays(database, sent_at)
    report.equal("good records scored", len(sent_at), len(delays))
    late = sum(delay > MAX_LATENESS_S for delay in delays)
    report.equal(f"good records later than {MAX_LATENESS_S:.0f} s", 0, late)
    named = Counter(kind.name for kind in kinds.values())
    report.notes.append(", ".join(f"{count} x {name}" for name, count in named.items()))
    report.notes.append(
        f"slowest good record {max(delays):.2f} s, median {median(delays):.2f} s; "
        f"{len(copies)} copies on the topic of dead letters"
    )
    return report


def _origin(record: Record) -> tuple[str, int, int, str]:
    """What the headers say of where a dead letter comes from."""
    headers = {name: (value or b"").decode() for name, value in record.headers}
    return (
        headers["origin-topic-id"],
        int(headers["origin-partition"]),
        int(headers["origin-offset"]),
        headers["reason"],
    )


def _delays(database: Database, sent_at: dict[str, float]) -> list[float]:
    """From before `send` to the transaction, for each good record that was scored, in seconds."""
    query = sa.select(ARTICLE.c.id, LEDGER.inbox.c.stored_at).join(
        LEDGER.inbox, LEDGER.inbox.c.article == ARTICLE.c.uid
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [stored_at - sent_at[one] for one, stored_at in rows if one in sent_at]


def _all(consumer: KafkaTopicConsumer) -> list[Record]:
    """All records of a topic."""
    records: list[Record] = []
    deadline_s = time.monotonic() + _READ_S
    while time.monotonic() < deadline_s:
        came = consumer.poll(0.5, 1000)
        records += came
        places = consumer.progress()
        is_whole = len(places) > 0 and len(places) == len(consumer.partitions())
        if not came and is_whole and all(place.caught_up for place in places.values()):
            return records
    raise TimeoutError(f"{consumer.topic} was not read within {_READ_S:.0f} s")


def main() -> int:
    """Reads the command line, runs the drill and prints what held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", choices=["kafka", "embedded"], default="kafka")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--per-second", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    arguments = parser.parse_args()
    if reason := missing(arguments.broker, arguments.database):
        parser.error(reason)
    drill = Drill(
        arguments.broker,
        arguments.database,
        arguments.records,
        arguments.per_second,
        arguments.seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        report = run(drill, Path(folder))
    report.show(
        f"poison drill: {drill.records} records, {drill.broker}, {drill.database}, "
        f"seed {drill.seed}"
    )
    return 0 if report.is_met else 1


if __name__ == "__main__":
    sys.exit(main())
