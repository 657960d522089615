"""The application `votes`, as the configuration of what is deployed names it."""

from collections.abc import Mapping
from pathlib import Path

from ray import serve

from shared.http.streams import StreamProbe, open_migrated
from shared.serving.streamed import StreamedApplication
from shared.storage.database import Database
from shared.streaming.settings import KafkaSettings
from tests.architecture.votes.config import VoteSettings
from tests.architecture.votes.routes import routes
from tests.architecture.votes.service import VoteService
from tests.architecture.votes.stream import vote_stream

MIGRATIONS = Path(__file__).with_name("migrations")


def open_database(settings: VoteSettings) -> Database:
    """The database at its newest revision."""
    return open_migrated(settings, MIGRATIONS)


def service(
    settings: VoteSettings, kafka: KafkaSettings, database: Database, probe: StreamProbe
) -> VoteService:
    """What the routes call."""
    return VoteService(settings, database, probe)


APPLICATION = StreamedApplication(
    section="votes",
    name="Votes",
    host_name="VoteStream",
    settings=VoteSettings,
    open_database=open_database,
    make_stream=vote_stream,
    make_service=service,
    routes=routes,
)


def build(args: Mapping[str, object]) -> serve.Application:
    """Its deployments."""
    return APPLICATION.build(args)
