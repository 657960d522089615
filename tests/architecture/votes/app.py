"""The application `votes`, as the configuration of what is deployed names it."""

from collections.abc import Mapping
from pathlib import Path

from ray import serve

from shared.http.streams import StreamProbe, open_migrated
from shared.serving.streamed import StreamedApplication
from shared.storage.database import Database
from shared.streaming.host import Stream
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings
from tests.architecture.votes.config import VoteSettings
from tests.architecture.votes.routes import routes
from tests.architecture.votes.service import VoteService
from tests.architecture.votes.store import Vote
from tests.architecture.votes.stream import vote_stream

MIGRATIONS = Path(__file__).with_name("migrations")


def open_database(settings: VoteSettings) -> Database:
    """The database at its newest revision."""
    return open_migrated(settings, MIGRATIONS)


def kafka_stream(
    settings: VoteSettings, kafka: KafkaSettings, database: Database
) -> Stream[str, Vote]:
    """The stream of Kafka's topic."""
    return vote_stream(
        settings,
        settings.state_dir / "results.txt",
        consumer=KafkaTopicConsumer(kafka, settings.topic, settings.group),
        producer=KafkaTopicProducer(kafka),
        database=database,
    )


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
    make_stream=kafka_stream,
    make_service=service,
    routes=routes,
)


def build(args: Mapping[str, object]) -> serve.Application:
    """Its deployments."""
    return APPLICATION.build(args)
