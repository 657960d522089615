"""The application `sentiment`: replicas that serve the routes, and the stream of news."""

import asyncio
from collections.abc import Mapping

from ray import serve

from services.sentiment.config import SentimentSettings
from services.sentiment.routes import routes
from services.sentiment.service import SentimentService, open_database
from services.sentiment.stream import NewsStream, news_stream
from shared.clock import SystemClock
from shared.delivery.producer import Producer
from shared.http.streams import StreamProbe
from shared.serving.serve_trunk import ServeTrunk
from shared.serving.streamed import StreamedApplication
from shared.storage.database import Database
from shared.streaming.consumer import Consumer
from shared.streaming.settings import KafkaSettings


def judged_stream(
    settings: SentimentSettings, *, consumer: Consumer, producer: Producer, database: Database
) -> NewsStream:
    """The stream, judged by Serve's trunk."""
    return news_stream(
        settings,
        consumer=consumer,
        producer=producer,
        trunk=ServeTrunk(),
        database=database,
        loop=asyncio.get_running_loop(),
    )


def service(
    settings: SentimentSettings, kafka: KafkaSettings, database: Database, probe: StreamProbe
) -> SentimentService:
    """What the routes call, on Serve's trunk."""
    bootstrap = kafka.bootstrap
    return SentimentService(settings, ServeTrunk(), database, probe, bootstrap, SystemClock())


APPLICATION = StreamedApplication(
    section="sentiment",
    name="Sentiment",
    host_name="NewsStream",
    settings=SentimentSettings,
    open_database=open_database,
    make_stream=judged_stream,
    make_service=service,
    routes=routes,
)


def build(args: Mapping[str, object]) -> serve.Application:
    """Its deployments: a function, as Ray Serve takes no method where its files name a builder."""
    return APPLICATION.build(args)
