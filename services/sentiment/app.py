"""The application `sentiment`: replicas that serve the routes, and the stream of news."""

import asyncio
import os
from collections.abc import Mapping

from fastapi import FastAPI
from ray import serve

from services.sentiment.config import SentimentSettings
from services.sentiment.routes import routes
from services.sentiment.service import SentimentService, check_processes, open_database
from services.sentiment.stream import NewsStream, news_stream
from shared.clock import SystemClock
from shared.config import load
from shared.serving.platform.deployment import deployment
from shared.serving.serve_trunk import ServeTrunk
from shared.serving.stream_host import StreamHandle, StreamPlan, bind_with_stream, stream_of
from shared.storage.database import Database
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings
from shared.telemetry import configure_logging

SECTION = "sentiment"
KAFKA_PREFIX = "BANYAN_KAFKA_"


def kafka_stream(
    settings: SentimentSettings, kafka: KafkaSettings, database: Database
) -> NewsStream:
    """The stream of Kafka's topic, judged by Serve's trunk."""
    return news_stream(
        settings,
        consumer=KafkaTopicConsumer(kafka, settings.topic, settings.group),
        producer=KafkaTopicProducer(kafka),
        trunk=ServeTrunk(),
        database=database,
        loop=asyncio.get_running_loop(),
    )


PLAN = StreamPlan(SECTION, "NewsStream", open_database, kafka_stream)


class SentimentReplica:
    """Wiring: the service, its routes for HTTP, and on SQLite the stream."""

    async def __init__(  # type: ignore[misc]
        self, settings: SentimentSettings, kafka: KafkaSettings, host: StreamHandle | None
    ) -> None:
        configure_logging(SECTION, level=settings.log_level)
        database = await asyncio.to_thread(open_database, settings)
        self._stream = stream_of(PLAN, settings, kafka, database, host)
        self._service = SentimentService(
            settings, ServeTrunk(), database, self._stream, kafka.bootstrap, SystemClock()
        )
        self._stream.start()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The routes, made in the replica."""
        return routes(self._service)

    async def check_health(self) -> None:
        """Lets Serve replace the replica when a thread of its stream has ended or hangs.

        Raises:
            DependencyError: it has.
        """
        self._stream.check_health()

    async def __del__(self) -> None:
        await self._stream.stop()
        await self._service.close()


def build(args: Mapping[str, object]) -> serve.Application:
    """The application; `args` are values of `SentimentSettings`.

    Raises:
        ConfigError: a setting is wrong, or several processes should share a SQLite file.
    """
    settings = load(SentimentSettings, environ=os.environ, section=SECTION, values=args).settings
    kafka = load(KafkaSettings, environ=os.environ, prefix=KAFKA_PREFIX).settings
    check_processes(settings)
    replicas = deployment(
        serve.ingress()(SentimentReplica),
        name="Sentiment",
        num_replicas=settings.replicas,
        max_ongoing_requests=settings.max_ongoing_requests,
        max_queued_requests=settings.max_queued_requests,
    )
    return bind_with_stream(replicas, PLAN, settings, kafka)
