"""What an application that reads a topic has beside its routes: settings, a database, a probe."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from shared.errors import DependencyError
from shared.http.application import READY, HttpSettings
from shared.storage.database import Database, check_one_writer, sqlite_url
from shared.storage.migrations import migrate
from shared.streaming.health import StreamState, unreachable
from shared.streaming.host import StreamStatus
from shared.streaming.ledger.reader import TopicFigures
from shared.streaming.ledger.writer import DEAD
from shared.streaming.places import beside_log
from shared.streaming.settings import StreamSettings


class StreamedSettings(HttpSettings, StreamSettings):
    """Settings of an application that serves routes and reads a topic; services add their own.

    `replicas` serve HTTP. `database` names the SQLite file in `state_dir`, and PostgreSQL's schema.
    """

    database: ClassVar[str]

    database_url: SecretStr | None = None
    replicas: int = Field(1, ge=1)
    max_ongoing_requests: int = Field(256, ge=1)
    max_queued_requests: int = Field(512, ge=1)

    @property
    def resolved_database_url(self) -> str:
        """The database's URL: the one that is set, or a SQLite file in `state_dir`."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return sqlite_url(self.state_dir / f"{self.database}.db")


def check_processes(settings: StreamedSettings) -> None:
    """Refuses several replicas or stream hosts on SQLite.

    Raises:
        ConfigError: its one writer is one process on one machine.
    """
    check_one_writer(
        settings.resolved_database_url,
        {"replicas": settings.replicas, "stream_hosts": settings.stream_hosts},
    )


def open_migrated(settings: StreamedSettings, migrations: Path) -> Database:
    """The application's database at its newest revision; blocks.

    Raises:
        ConfigError: its URL or revision cannot be used, or SQLite should serve several processes.
        DependencyError: it does not answer, or another process writes the SQLite file.
    """
    check_processes(settings)
    url = settings.resolved_database_url
    database = Database(url, schema=settings.database, holds_writer=True)
    migrate(database, migrations)
    return database


class StreamProbe(Protocol):
    """Where the stream is asked, which may be in another process and away."""

    async def status(self) -> StreamStatus:
        """What the stream does now.

        Raises:
            DependencyError: the stream host does not answer.
        """

    def on_stored(self, wake: Callable[[], None]) -> bool:
        """Lets `wake` be called after each stored batch; False where another process stores them.

        It is called on the stream's thread, and must not block.
        """

    async def metrics(self) -> bytes:
        """The metrics of the stream's process, in Prometheus' text format.

        Raises:
            DependencyError: the stream host does not answer.
        """


async def stream_checks(probe: StreamProbe, *names: str) -> Mapping[str, str]:
    """For readiness: the broker, the stream and its sinks; `names` are those that are expected."""
    try:
        faults = (await probe.status()).faults
    except DependencyError as error:
        return dict.fromkeys(names, str(error))
    return {name: fault or READY for name, fault in faults.items()}


class PartitionAnswer(BaseModel):
    """How far a partition of the topic is stored.

    `end` is where the broker has it end, `lag` the records up to there that are not stored; both
    are null while the broker is not heard.
    """

    model_config = ConfigDict(from_attributes=True)

    partition: int
    committed: int
    end: int | None
    lag: int | None


PartitionT = TypeVar("PartitionT", bound=PartitionAnswer)


class TopicAnswer(BaseModel, Generic[PartitionT]):
    """What every application says of its stream; its own answer adds its counts.

    `hidden` are the fields that only the operator sees: they are null for a tenant's key.
    """

    hidden: ClassVar[tuple[str, ...]] = ("topic_id", "reason", "partitions", "dead_letters", "rate")

    topic: str
    topic_id: str | None
    phase: str
    reason: str | None
    partitions: list[PartitionT] | None
    dead_letters: int | None
    rate: float | None = Field(description="Records stored a second, over the last ten.")

    @classmethod
    async def read(
        cls,
        topic: str,
        stored: Callable[[str, str | None], TopicFigures],
        probe: StreamProbe,
        tenant: str | None,
        own: Callable[[TopicFigures], Mapping[str, object]],
    ) -> Self:
        """How far the stream is, of all tenants or as one of them may see it.

        `stored` blocks; `own` gives the application's fields. What the host cannot say is left out,
        and the phase says why.
        """
        figures = await asyncio.to_thread(stored, topic, tenant)
        state, rate = await _state(probe)
        present = figures.of(state.log)
        fields = {
            "topic": topic,
            "topic_id": present.topic_id or state.log.topic_id or None,
            "phase": state.phase,
            "reason": state.reason,
            "partitions": beside_log(present.partitions, state.log),
            "dead_letters": present.counts[DEAD],
            "rate": rate,
        }
        answer = cls.model_validate({**fields, **own(present)})
        hidden = () if tenant is None else cls.hidden
        return answer.model_copy(update=dict.fromkeys(hidden))


async def _state(probe: StreamProbe) -> tuple[StreamState, float | None]:
    try:
        status = await probe.status()
    except DependencyError as error:
        return unreachable(error), None
    return status.state, round(status.rate, 1)
