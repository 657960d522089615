"""The topic, or the whole broker, is recreated while the database stays: nothing new is lost."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from kafka import KafkaAdminClient

from services.sentiment.tables import (
    ARTICLE,
    LEDGER,
)
from shared.storage.database import Database, sqlite_url
from shared.streaming.embedded import EmbeddedBroker
from shared.streaming.kafka.admin import TopicAdmin
from shared.streaming.kafka.producer import KafkaTopicProducer
from tests.drills.hosting import open_database, running_stream
from tests.drills.outcome import stored
from tests.drills.plan import ConsumerPlan
from tests.drills.tweets import FILE, Tweet, produce, tweets
from tests.harness.data import DATA
from tests.harness.kafka import RealKafka
from tests.harness.waiting import wait_for

BATCH = 300
WAIT_S = 60.0

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(
        not (DATA / FILE).is_file(), reason=f"no real data: set BANYAN_DATA_DIR ({DATA / FILE})"
    ),
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """The application's database, which outlives the topics."""
    with open_database(sqlite_url(tmp_path / "sentiment.db")) as database:
        yield database


def plan_of(bootstrap: str) -> ConsumerPlan:
    return ConsumerPlan(
        bootstrap=bootstrap,
        topic=f"news-{uuid.uuid4().hex[:8]}",
        group="drill",
        database_url="",
        session_timeout_ms=3_000,
    )


def send(plan: ConsumerPlan, records: list[Tweet]) -> None:
    with closing(KafkaTopicProducer(plan.kafka)) as producer:
        produce(producer, plan.topic, records)


def topic_id_of(plan: ConsumerPlan) -> str | None:
    admin = TopicAdmin(plan.kafka)
    try:
        view = admin.describe(plan.topic)
    finally:
        admin.close()
    return None if view is None else view.topic_id


def delete(plan: ConsumerPlan) -> None:
    """Deletes the topic and waits until it is gone; a stream that runs may have recreated it."""
    before = topic_id_of(plan)
    admin = KafkaAdminClient(bootstrap_servers=plan.bootstrap)
    try:
        admin.delete_topics([plan.topic])
    finally:
        admin.close()
    wait_for(lambda: topic_id_of(plan) != before, timeout_s=WAIT_S, what="the topic's end")


def wait_for_start(broker: EmbeddedBroker, number: int) -> None:
    wait_for(lambda: broker.starts == number, timeout_s=WAIT_S, what=f"the broker's start {number}")


def wait_for_stored(database: Database, count: int) -> None:
    wait_for(lambda: stored(database) >= count, timeout_s=WAIT_S, what=f"{count} records stored")


def assert_all_scored(database: Database, records: list[Tweet], topics: int) -> None:
    with database.read() as connection:
        ids = connection.execute(sa.select(ARTICLE.c.id)).scalars().all()
        seen = connection.execute(sa.select(LEDGER.inbox.c.topic_id).distinct()).scalars().all()
    assert sorted(ids) == sorted(tweet.id for tweet in records)
    assert len(seen) == topics


def test_a_topic_that_is_deleted_and_made_anew(database: Database, kafka: RealKafka) -> None:
    """The stream runs all the while; the new topic's offsets begin at 0 again."""
    records = tweets(2 * BATCH)
    plan = plan_of(kafka.bootstrap)
    send(plan, records[:BATCH])
    with running_stream(plan, database):
        wait_for_stored(database, BATCH)
        before = topic_id_of(plan)
        delete(plan)
        send(plan, records[BATCH:])
        assert topic_id_of(plan) != before
        wait_for_stored(database, 2 * BATCH)
    assert_all_scored(database, records, topics=2)


def test_a_topic_that_is_made_anew_while_nobody_reads(database: Database, kafka: RealKafka) -> None:
    """The group's commits are of the topic that is gone."""
    records = tweets(2 * BATCH)
    plan = plan_of(kafka.bootstrap)
    send(plan, records[:BATCH])
    with running_stream(plan, database):
        wait_for_stored(database, BATCH)
    delete(plan)
    send(plan, records[BATCH:])
    with running_stream(plan, database):
        wait_for_stored(database, 2 * BATCH)
    assert_all_scored(database, records, topics=2)


def test_an_embedded_broker_that_is_killed_and_started_again(
    database: Database, tmp_path: Path
) -> None:
    """It forgets its topics, its groups and its offsets; its port stays the same."""
    records = tweets(3 * BATCH)
    broker = EmbeddedBroker(tmp_path / "broker.log")
    plan = plan_of(broker.start())
    try:
        send(plan, records[:BATCH])
        with running_stream(plan, database):
            wait_for_stored(database, BATCH)
            for life in (2, 3):
                assert broker.pid is not None
                os.kill(broker.pid, signal.SIGKILL)
                wait_for_start(broker, life)
                send(plan, records[(life - 1) * BATCH : life * BATCH])
                wait_for_stored(database, life * BATCH)
    finally:
        broker.stop()
    assert_all_scored(database, records, topics=3)


def test_an_embedded_broker_of_another_start(database: Database, tmp_path: Path) -> None:
    """`banyan down` and `banyan up`: the database stays, the broker is another one."""
    records = tweets(2 * BATCH)
    for life in range(2):
        broker = EmbeddedBroker(tmp_path / f"broker-{life}.log")
        plan = plan_of(broker.start()).model_copy(update={"topic": "news"})
        try:
            send(plan, records[life * BATCH : (life + 1) * BATCH])
            with running_stream(plan, database):
                wait_for_stored(database, (life + 1) * BATCH)
        finally:
            broker.stop()
    assert_all_scored(database, records, topics=2)
