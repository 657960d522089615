"""The application `sentiment`: one deployment that serves the routes, one that reads the topic."""

import asyncio
import os
from collections.abc import Mapping

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from services.sentiment.config import SentimentSettings
from services.sentiment.routes import routes
from services.sentiment.service import check_processes, open_service
from services.sentiment.stream_host import StreamHost
from shared.config import load
from shared.serving.platform.deployment import deployment
from shared.serving.serve_trunk import ServeTrunk
from shared.serving.stream_probe import HandleProbe
from shared.streaming.settings import KafkaSettings
from shared.telemetry import configure_logging

SECTION = "sentiment"
KAFKA_PREFIX = "BANYAN_KAFKA_"


class SentimentReplica:
    """Wiring: the service, and its routes for HTTP."""

    async def __init__(  # type: ignore[misc]
        self,
        settings: SentimentSettings,
        bootstrap: str | None,
        stream: DeploymentHandle[StreamHost],
    ) -> None:
        configure_logging(SECTION, level=settings.log_level)
        self._service = await asyncio.to_thread(
            open_service, settings, ServeTrunk(), HandleProbe(stream), bootstrap=bootstrap
        )

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The routes, made in the replica."""
        return routes(self._service)

    async def __del__(self) -> None:
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
    application: serve.Application = replicas.bind(
        settings, kafka.bootstrap, _stream_host(settings, kafka)
    )
    return application


def _stream_host(settings: SentimentSettings, kafka: KafkaSettings) -> serve.Application:
    host = deployment(
        StreamHost,
        name="NewsStream",
        num_replicas=settings.stream_hosts,
        max_ongoing_requests=32,
        max_queued_requests=64,
        # A killed host is back after about a second, a frozen one after about ten.
        health_check_period_s=1,
        health_check_timeout_s=3,
    )
    application: serve.Application = host.bind(settings, kafka)
    return application
