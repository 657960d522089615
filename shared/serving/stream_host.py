"""Where an application's stream runs, and how its HTTP replicas ask it.

One shape for all: with PostgreSQL hosts of their own read the topic, and replicas ask them through
a Ray Serve handle; on SQLite, which takes one writer process, the one replica reads it, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from prometheus_client import generate_latest
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from shared.errors import DependencyError
from shared.serving.platform.deployment import deployment
from shared.storage.database import Database, takes_one_writer
from shared.streaming.host import StreamStatus
from shared.streaming.settings import KafkaSettings
from shared.telemetry import REGISTRY, configure_logging

AnswerT = TypeVar("AnswerT")

_ASK_TIMEOUT_S = 2.0


class RunningStream(Protocol):
    """The part of `shared.streaming.host.Stream` that does not depend on its records."""

    @property
    def status(self) -> StreamStatus:
        """What it does now."""

    def start(self) -> None:
        """Starts its threads."""

    def check_health(self) -> None:
        """Returns if its threads turn.

        Raises:
            DependencyError: one has ended or hangs.
        """

    def stop(self) -> None:
        """Ends its threads."""


class HostSettings(Protocol):
    """What a host needs of an application's settings."""

    @property
    def log_level(self) -> str:
        """The least level of what is logged."""

    @property
    def stream_hosts(self) -> int:
        """How many members of the group read the topic."""

    @property
    def resolved_database_url(self) -> str:
        """The database's URL."""


SettingsT = TypeVar("SettingsT", bound=HostSettings)


@dataclass(frozen=True)
class StreamPlan(Generic[SettingsT]):
    """How an application's stream is made; its functions are a module's own, as Serve sends them.

    `app` names the process in its log, `name` the deployment. `make` is called on the loop that
    serves, and starts nothing.
    """

    app: str
    name: str
    open_database: Callable[[SettingsT], Database]
    make: Callable[[SettingsT, KafkaSettings, Database], RunningStream]


class StreamHost(Generic[SettingsT]):
    """One member of the consumer group, in a replica without routes.

    Two may overlap for a moment when one replaces the other: the group gives each partition to
    one of them, and the inbox knows what the other has stored.
    """

    async def __init__(  # type: ignore[misc]
        self, plan: StreamPlan[SettingsT], settings: SettingsT, kafka: KafkaSettings
    ) -> None:
        configure_logging(plan.app, level=settings.log_level)
        self._database = await asyncio.to_thread(plan.open_database, settings)
        self._stream = OwnStream(plan.make(settings, kafka, self._database))
        self._stream.start()

    async def status(self) -> StreamStatus:
        """What the HTTP replicas ask for."""
        return await self._stream.status()

    async def metrics(self) -> bytes:
        """This process's metrics, which no route of its own shows."""
        return await self._stream.metrics()

    async def check_health(self) -> None:
        """Lets Serve replace the replica when its threads hang.

        Raises:
            DependencyError: a thread has ended or hangs.
        """
        self._stream.check_health()

    async def __del__(self) -> None:
        await self._stream.stop()
        await asyncio.to_thread(self._database.close)


StreamHandle = DeploymentHandle[StreamHost[Any]]
"""How a replica asks the hosts."""


def bind_with_stream(
    replicas: serve.Deployment,
    plan: StreamPlan[SettingsT],
    settings: SettingsT,
    kafka: KafkaSettings,
) -> serve.Application:
    """The application of replicas that are made with the settings, Kafka's, and a `StreamHandle`.

    On SQLite the handle is None: the one replica reads the topic (`stream_of`).
    """
    is_one = takes_one_writer(settings.resolved_database_url)
    host = None if is_one else _hosts(plan, settings, kafka)
    application: serve.Application = replicas.bind(settings, kafka, host)
    return application


def _hosts(
    plan: StreamPlan[SettingsT], settings: SettingsT, kafka: KafkaSettings
) -> serve.Application:
    host = deployment(
        StreamHost,
        name=plan.name,
        num_replicas=settings.stream_hosts,
        max_ongoing_requests=32,
        max_queued_requests=64,
        # A killed host is back after about a second, a frozen one after about ten.
        health_check_period_s=1,
        health_check_timeout_s=3,
    )
    application: serve.Application = host.bind(plan, settings, kafka)
    return application


class OwnStream:
    """The stream of this process, which starts and ends with it: a `StreamProbe`."""

    def __init__(self, stream: RunningStream) -> None:
        self._stream = stream

    def start(self) -> None:
        """Starts the stream's threads."""
        self._stream.start()

    async def status(self) -> StreamStatus:
        """What the stream does now."""
        return self._stream.status

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


class HostedStream:
    """A stream in a process of its own: a `StreamProbe` over its handle.

    Whoever asks neither starts nor stops it.
    """

    def __init__(self, handle: StreamHandle) -> None:
        self._handle = handle

    def start(self) -> None:
        """Nothing: Serve has started it."""

    async def status(self) -> StreamStatus:
        """What the stream does now.

        Raises:
            DependencyError: the stream host does not answer.
        """
        return await _answer(self._handle.status.remote())

    async def metrics(self) -> bytes:
        """The stream host's metrics, in Prometheus' text format.

        Raises:
            DependencyError: the stream host does not answer.
        """
        return await _answer(self._handle.metrics.remote())

    def check_health(self) -> None:
        """Nothing: Serve asks the host itself."""

    async def stop(self) -> None:
        """Nothing: Serve ends it."""


def stream_of(
    plan: StreamPlan[SettingsT],
    settings: SettingsT,
    kafka: KafkaSettings,
    database: Database,
    host: StreamHandle | None,
) -> OwnStream | HostedStream:
    """A replica's stream: the hosts', or without one of them its own, not yet started."""
    if host is not None:
        return HostedStream(host)
    return OwnStream(plan.make(settings, kafka, database))


async def _answer(asked: Awaitable[AnswerT]) -> AnswerT:
    try:
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            return await asked
    except TimeoutError:
        raise DependencyError(f"the stream host gave no answer in {_ASK_TIMEOUT_S:g} s") from None
    except (RayError, RayServeException) as error:
        reason = str(error).partition("\n")[0]
        raise DependencyError(f"the stream host does not answer: {reason}") from error
