"""The application `recommendation`: one deployment serves the routes, one reads the topic.

On SQLite, which takes one writer process, the one replica that serves reads the topic, too.
"""

import asyncio
import os
from collections.abc import Mapping

from fastapi import FastAPI
from ray import serve
from ray.serve.handle import DeploymentHandle

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import check_processes, open_database
from services.recommendation.own_stream import OwnStream
from services.recommendation.routes import routes
from services.recommendation.service import RecommendationService, StreamProbe
from services.recommendation.stream import BehaviourStream
from services.recommendation.stream_host import StreamHost, kafka_stream
from shared.clock import SystemClock
from shared.config import load
from shared.serving.platform.deployment import deployment
from shared.serving.serve_trunk import ServeTrunk
from shared.serving.stream_probe import HandleProbe
from shared.storage.database import takes_one_writer
from shared.streaming.settings import KafkaSettings
from shared.telemetry import configure_logging

SECTION = "recommendation"
KAFKA_PREFIX = "BANYAN_KAFKA_"


class RecommendationReplica:
    """Wiring: the service, and its routes for HTTP."""

    async def __init__(  # type: ignore[misc]
        self,
        settings: RecommendationSettings,
        stream: DeploymentHandle[StreamHost] | KafkaSettings,
    ) -> None:
        configure_logging(SECTION, level=settings.log_level)
        database = await asyncio.to_thread(open_database, settings)
        self._own: BehaviourStream | None = None
        if isinstance(stream, KafkaSettings):
            self._own = kafka_stream(settings, stream, database)
            probe: StreamProbe = OwnStream(self._own)
        else:
            probe = HandleProbe(stream)
        self._service = RecommendationService(
            settings, ServeTrunk(), database, probe, SystemClock()
        )
        self._service.start()
        if self._own is not None:
            self._own.start()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The routes, made in the replica."""
        return routes(self._service)

    async def check_health(self) -> None:
        """Lets Serve replace the replica when a thread of it has ended.

        Raises:
            DependencyError: see `RecommendationService.check_health` and, where it reads the topic
                too, `BehaviourStream.check_health`.
        """
        self._service.check_health()
        if self._own is not None:
            self._own.check_health()

    async def __del__(self) -> None:
        if self._own is not None:
            await asyncio.to_thread(self._own.stop)
        await self._service.close()


def build(args: Mapping[str, object]) -> serve.Application:
    """The application; `args` are values of `RecommendationSettings`.

    Raises:
        ConfigError: a setting is wrong, or several processes should share a SQLite file.
    """
    settings = load(
        RecommendationSettings, environ=os.environ, section=SECTION, values=args
    ).settings
    kafka = load(KafkaSettings, environ=os.environ, prefix=KAFKA_PREFIX).settings
    check_processes(settings)
    replicas = deployment(
        serve.ingress()(RecommendationReplica),
        name="Recommendation",
        num_replicas=settings.replicas,
        max_ongoing_requests=settings.max_ongoing_requests,
        max_queued_requests=settings.max_queued_requests,
    )
    is_one = takes_one_writer(settings.resolved_database_url)
    stream = kafka if is_one else _stream_host(settings, kafka)
    application: serve.Application = replicas.bind(settings, stream)
    return application


def _stream_host(settings: RecommendationSettings, kafka: KafkaSettings) -> serve.Application:
    host = deployment(
        StreamHost,
        name="BehaviourStream",
        num_replicas=settings.stream_hosts,
        max_ongoing_requests=32,
        max_queued_requests=64,
        # A killed host is back after about a second, a frozen one after about ten.
        health_check_period_s=1,
        health_check_timeout_s=3,
    )
    application: serve.Application = host.bind(settings, kafka)
    return application
