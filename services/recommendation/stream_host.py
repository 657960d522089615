"""The deployment that reads the topic on PostgreSQL: wiring around `BehaviourStream`."""

import asyncio

from prometheus_client import generate_latest

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.stream import BehaviourStream, StreamStatus
from shared.storage.database import Database
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings
from shared.telemetry import REGISTRY, configure_logging

APP = "recommendation"


def kafka_stream(
    settings: RecommendationSettings, kafka: KafkaSettings, database: Database
) -> BehaviourStream:
    """A stream of Kafka's topic into a database, not yet started."""
    return BehaviourStream(
        settings,
        consumer=KafkaTopicConsumer(kafka, settings.topic, settings.group),
        producer=KafkaTopicProducer(kafka),
        database=database,
    )


class StreamHost:
    """One member of the consumer group, in a replica without routes.

    Two may overlap for a moment when one replaces the other: the group gives each partition to
    one of them, and the inbox knows what the other has stored.
    """

    async def __init__(  # type: ignore[misc]
        self, settings: RecommendationSettings, kafka: KafkaSettings
    ) -> None:
        configure_logging(APP, level=settings.log_level)
        self._database = await asyncio.to_thread(open_database, settings)
        self._stream = kafka_stream(settings, kafka, self._database)
        self._stream.start()

    async def status(self) -> StreamStatus:
        """What the HTTP replicas ask for."""
        return self._stream.status

    async def metrics(self) -> bytes:
        """This process's metrics, which no route of its own shows."""
        return generate_latest(REGISTRY)

    async def check_health(self) -> None:
        """Lets Serve replace the replica when its threads hang.

        Raises:
            DependencyError: see `BehaviourStream.check_health`.
        """
        self._stream.check_health()

    async def __del__(self) -> None:
        await asyncio.to_thread(self._stream.stop)
        await asyncio.to_thread(self._database.close)
