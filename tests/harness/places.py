"""Where a drill runs: the brokers and the databases, made for it and gone afterwards."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.storage.database import sqlite_url
from shared.streaming.embedded import EmbeddedBroker
from tests.harness import postgres
from tests.harness.kafka import SCRIPT, RealKafka

BrokerKind = Literal["kafka", "embedded"]
DatabaseKind = Literal["sqlite", "postgresql"]


@dataclass(frozen=True)
class Cluster:
    """A running broker; `kafka` is None where it is the embedded one, which cannot come back."""

    bootstrap: str
    kafka: RealKafka | None = None


@contextmanager
def broker(kind: BrokerKind, folder: Path, *, nodes: int = 1) -> Iterator[Cluster]:
    """A broker of this drill's own."""
    if kind == "embedded":
        embedded = EmbeddedBroker(folder / "broker.log")
        embedded.start()
        try:
            yield Cluster(embedded.bootstrap)
        finally:
            embedded.stop()
        return
    kafka = RealKafka(folder / "kafka", nodes)
    kafka.start()
    try:
        yield Cluster(kafka.bootstrap, kafka)
    finally:
        kafka.stop()


@contextmanager
def database_url(kind: DatabaseKind, folder: Path) -> Iterator[str]:
    """The URL of an empty database."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "sqlite":
        yield sqlite_url(folder / "drill.db")
        return
    binaries = postgres.binaries()
    if binaries is None:
        raise RuntimeError("PostgreSQL's server is not installed: apt-get install postgresql")
    with postgres.cluster(binaries) as url:
        yield url


def missing(broker_kind: BrokerKind, database_kind: DatabaseKind) -> str | None:
    """Why a drill cannot run here; None if it can."""
    if broker_kind == "kafka" and not SCRIPT.exists():
        return f"no real Kafka: {SCRIPT} is not there (BANYAN_TEST_KAFKA names another)"
    if broker_kind == "kafka" and shutil.which("java") is None:
        return "no real Kafka: java is not installed (Debian: openjdk-17-jre-headless)"
    if database_kind == "postgresql" and postgres.binaries() is None:
        return "PostgreSQL's server is not installed: apt-get install postgresql"
    return None
