"""The product's own stream in this process, with the word counter in place of the model."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from services.sentiment import migrations
from services.sentiment.stream import NewsStream, news_stream
from shared.delivery.producer import Producer
from shared.storage.database import Database
from shared.storage.migrations import migrate
from shared.streaming.consumer import Consumer
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from tests.drills.plan import SCHEMA, ConsumerPlan
from tests.drills.scorer import WordCountTrunk
from tests.harness.loop import loop_in_thread

MIGRATIONS = Path(migrations.__file__).parent


@contextmanager
def open_database(url: str) -> Iterator[Database]:
    """The sentiment application's database, with its tables."""
    with closing(Database(url, schema=SCHEMA)) as database:
        migrate(database, MIGRATIONS)
        yield database


def migrated_database(url: str) -> Database:
    """The same where somebody has made the tables; opening it waits for nobody's lock."""
    return Database(url, schema=SCHEMA)


@contextmanager
def running_stream(
    plan: ConsumerPlan,
    database: Database,
    *,
    consumer: Consumer | None = None,
    producer: Producer | None = None,
) -> Iterator[NewsStream]:
    """A stream as the platform hosts it; Kafka is used where no other consumer is given."""
    settings = plan.sentiment
    with loop_in_thread() as loop:
        stream = news_stream(
            settings,
            consumer=consumer or KafkaTopicConsumer(plan.kafka, settings.topic, settings.group),
            producer=producer or KafkaTopicProducer(plan.kafka),
            trunk=WordCountTrunk(plan.text_s),
            database=database,
            loop=loop,
        )
        stream.start()
        try:
            yield stream
        finally:
            stream.stop()
