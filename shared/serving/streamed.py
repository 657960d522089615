"""An application that serves routes and reads a topic, as deployments of Ray Serve.

One shape for all: with PostgreSQL separate hosts read the topic, and replicas ask them through
a handle; on SQLite, which takes one writer process, the one replica reads it, too.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from fastapi import FastAPI
from prometheus_client import generate_latest
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from shared.config import load
from shared.delivery.producer import Producer
from shared.errors import DependencyError
from shared.http.streams import StreamedSettings, StreamProbe, check_processes
from shared.serving.platform.deployment import deployment
from shared.storage.database import Database, takes_one_writer
from shared.streaming.consumer import Consumer
from shared.streaming.host import Stream, StreamStatus
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings
from shared.telemetry import REGISTRY, configure_logging

KAFKA_PREFIX = "BANYAN_KAFKA_"

AnswerT = TypeVar("AnswerT")

_ASK_TIMEOUT_S = 2.0


class Service(Protocol):
    """What an application's routes call; made once for each process that serves HTTP."""

    def start(self) -> None:
        """Starts its threads and tasks; called on the loop that serves."""

    def check_health(self) -> None:
        """Returns if they turn.

        Raises:
            DependencyError: one has ended.
        """

    async def close(self) -> None:
        """Ends them, and closes the database."""


SettingsT = TypeVar("SettingsT", bound=StreamedSettings)
SettingsT_contra = TypeVar("SettingsT_contra", bound=StreamedSettings, contravariant=True)
ServiceT = TypeVar("ServiceT", bound=Service)


class MakeStream(Protocol[SettingsT_contra]):
    """What makes an application's stream; it is called on the loop that serves."""

    def __call__(
        self,
        settings: SettingsT_contra,
        /,
        *,
        consumer: Consumer,
        producer: Producer,
        database: Database,
    ) -> Stream[Any, Any]:
        """The stream, not yet started."""


@dataclass(frozen=True)
class StreamedApplication(Generic[SettingsT, ServiceT]):
    """What an application is made of; its functions are a module's own, as Serve sends names.

    `section` is its part of the configuration, `name` and `host_name` those of its deployments.
    """

    section: str
    name: str
    host_name: str
    settings: type[SettingsT]
    open_database: Callable[[SettingsT], Database]
    make_stream: MakeStream[SettingsT]
    make_service: Callable[[SettingsT, KafkaSettings, Database, StreamProbe], ServiceT]
    routes: Callable[[ServiceT], FastAPI]

    def stream_of(
        self, settings: SettingsT, kafka: KafkaSettings, database: Database
    ) -> "OwnStream":
        """Its stream of Kafka's topic, not yet started."""
        stream = self.make_stream(
            settings,
            consumer=KafkaTopicConsumer(kafka, settings.topic, settings.group),
            producer=KafkaTopicProducer(kafka),
            database=database,
        )
        return OwnStream(stream)

    def build(self, args: Mapping[str, object]) -> serve.Application:
        """Its deployments; `args` are values of its settings.

        Raises:
            ConfigError: a setting is wrong, or several processes should share a SQLite file.
        """
        settings = load(
            self.settings, environ=os.environ, section=self.section, values=args
        ).settings
        kafka = load(KafkaSettings, environ=os.environ, prefix=KAFKA_PREFIX).settings
        check_processes(settings)
        is_one = takes_one_writer(settings.resolved_database_url)
        host = None if is_one else self._hosts(settings, kafka)
        replicas = deployment(
            serve.ingress()(Replica),
            name=self.name,
            num_replicas=settings.replicas,
            max_ongoing_requests=settings.max_ongoing_requests,
            max_queued_requests=settings.max_queued_requests,
        )
        application: serve.Application = replicas.bind(self, settings, kafka, host)
        return application

    def _hosts(self, settings: SettingsT, kafka: KafkaSettings) -> serve.Application:
        hosts = deployment(
            StreamHost,
            name=self.host_name,
            num_replicas=settings.stream_hosts,
            max_ongoing_requests=32,
            max_queued_requests=64,
            # A killed host is back after about a second, a frozen one after about ten.
            health_check_period_s=1,
            health_check_timeout_s=3,
        )
        application: serve.Application = hosts.bind(self, settings, kafka)
        return application


class OwnStream:
    """The stream of this process, which starts and ends with it: a `StreamProbe`."""

    def __init__(self, stream: Stream[Any, Any]) -> None:
        self._stream = stream

    def start(self) -> None:
        """Starts the stream's threads."""
        self._stream.start()

    async def status(self) -> StreamStatus:
        """What the stream does now."""
        return self._stream.status

    def on_stored(self, wake: Callable[[], None]) -> bool:
        """See `Stream.on_stored`: no other process stores records here."""
        self._stream.on_stored(wake)
        return True

    async def metrics(self) -> bytes:
        """This process's metrics: the stream's are among them."""
        return generate_latest(REGISTRY)

    def check_health(self) -> None:
        """See `Stream.check_health`.

        Raises:
            DependencyError: a thread has ended or hangs.
        """
        self._stream.check_health()

    async def stop(self) -> None:
        """Ends the stream's threads."""
        await asyncio.to_thread(self._stream.stop)


class StreamHost:
    """One member of the consumer group, in a replica without routes.

    Two may overlap for a moment when one replaces the other: the group gives each partition to
    one of them, and the inbox knows what the other has stored.
    """

    async def __init__(  # type: ignore[misc]
        self,
        application: StreamedApplication[SettingsT, ServiceT],
        settings: SettingsT,
        kafka: KafkaSettings,
    ) -> None:
        configure_logging(application.section, level=settings.log_level)
        self._database = await asyncio.to_thread(application.open_database, settings)
        self._stream = application.stream_of(settings, kafka, self._database)
        self._stream.start()

    async def status(self) -> StreamStatus:
        """What the HTTP replicas ask for."""
        return await self._stream.status()

    async def metrics(self) -> bytes:
        """This process's metrics, which no other route shows."""
        return await self._stream.metrics()

    async def check_health(self) -> None:
        """Lets Serve replace the replica when its threads hang.

        Raises:
            DependencyError: a thread has ended or hangs.
        """
        self._stream.check_health()

    async def __del__(self) -> None:
        # A constructor that failed left them out: its own error is the one to read.
        if hasattr(self, "_stream"):
            await self._stream.stop()
        if hasattr(self, "_database"):
            await asyncio.to_thread(self._database.close)


class HostedStream:
    """A stream in another process: a `StreamProbe` over its handle.

    Serve starts, watches and ends it, so nothing else is done here.
    """

    def __init__(self, handle: DeploymentHandle[StreamHost]) -> None:
        self._handle = handle

    def start(self) -> None:
        """Nothing."""

    async def status(self) -> StreamStatus:
        """What the stream does now.

        Raises:
            DependencyError: the stream host does not answer.
        """
        return await _answer(self._handle.status.remote())

    def on_stored(self, wake: Callable[[], None]) -> bool:
        """Nobody tells this process what the hosts store."""
        return False

    async def metrics(self) -> bytes:
        """The stream host's metrics, in Prometheus' text format.

        Raises:
            DependencyError: the stream host does not answer.
        """
        return await _answer(self._handle.metrics.remote())

    def check_health(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""


class Replica:
    """Wiring: the service, its routes for HTTP, and without a `host` the stream."""

    async def __init__(  # type: ignore[misc]
        self,
        application: StreamedApplication[SettingsT, ServiceT],
        settings: SettingsT,
        kafka: KafkaSettings,
        host: DeploymentHandle[StreamHost] | None,
    ) -> None:
        configure_logging(application.section, level=settings.log_level)
        database = await asyncio.to_thread(application.open_database, settings)
        self._stream: OwnStream | HostedStream
        if host is None:
            self._stream = application.stream_of(settings, kafka, database)
        else:
            self._stream = HostedStream(host)
        service = application.make_service(settings, kafka, database, self._stream)
        self._service: Service = service
        self._routes: Callable[[], FastAPI] = partial(application.routes, service)
        self._service.start()
        self._stream.start()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """The routes, made in the replica."""
        return self._routes()

    async def check_health(self) -> None:
        """Lets Serve replace the replica when a thread of it has ended or hangs.

        Raises:
            DependencyError: it has.
        """
        self._service.check_health()
        self._stream.check_health()

    async def __del__(self) -> None:
        # Likewise: see `StreamHost`.
        if hasattr(self, "_stream"):
            await self._stream.stop()
        if hasattr(self, "_service"):
            await self._service.close()


async def _answer(asked: Awaitable[AnswerT]) -> AnswerT:
    try:
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            return await asked
    except TimeoutError:
        raise DependencyError(f"the stream host gave no answer in {_ASK_TIMEOUT_S:g} s") from None
    except (RayError, RayServeException) as error:
        reason = str(error).partition("\n")[0]
        raise DependencyError(f"the stream host does not answer: {reason}") from error
