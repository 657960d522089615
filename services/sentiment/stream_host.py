"""The deployment that reads the topic: wiring around `NewsStream`."""

import asyncio

from prometheus_client import generate_latest

from services.sentiment.config import SentimentSettings
from services.sentiment.service import open_database
from services.sentiment.stream import NewsStream, StreamStatus
from shared.serving.serve_trunk import ServeTrunk
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings
from shared.telemetry import REGISTRY, configure_logging

APP = "sentiment"


class StreamHost:
    """One member of the consumer group, in a replica without routes.

    Two may overlap for a moment when one replaces the other: the group gives each partition to
    one of them, and the inbox knows what the other has stored.
    """

    async def __init__(  # type: ignore[misc]
        self, settings: SentimentSettings, kafka: KafkaSettings
    ) -> None:
        configure_logging(APP, level=settings.log_level)
        self._database = await asyncio.to_thread(open_database, settings)
        self._stream = NewsStream(
            settings,
            consumer=KafkaTopicConsumer(kafka, settings.topic, settings.group),
            producer=KafkaTopicProducer(kafka),
            trunk=ServeTrunk(),
            database=self._database,
            loop=asyncio.get_running_loop(),
        )
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
            DependencyError: see `NewsStream.check_health`.
        """
        self._stream.check_health()

    async def __del__(self) -> None:
        await asyncio.to_thread(self._stream.stop)
        await asyncio.to_thread(self._database.close)
