"""The application `recommendation`: replicas that serve the routes, and the stream of behaviour."""

from collections.abc import Mapping

from ray import serve

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.routes import routes
from services.recommendation.service import RecommendationService
from services.recommendation.stream import BehaviourStream, behaviour_stream
from shared.clock import SystemClock
from shared.http.streams import StreamProbe
from shared.serving.serve_trunk import ServeTrunk
from shared.serving.streamed import StreamedApplication
from shared.storage.database import Database
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings


def kafka_stream(
    settings: RecommendationSettings, kafka: KafkaSettings, database: Database
) -> BehaviourStream:
    """The stream of Kafka's topic."""
    return behaviour_stream(
        settings,
        consumer=KafkaTopicConsumer(kafka, settings.topic, settings.group),
        producer=KafkaTopicProducer(kafka),
        database=database,
    )


def service(
    settings: RecommendationSettings, kafka: KafkaSettings, database: Database, probe: StreamProbe
) -> RecommendationService:
    """What the routes call, on Serve's trunk."""
    return RecommendationService(settings, ServeTrunk(), database, probe, SystemClock())


APPLICATION = StreamedApplication(
    section="recommendation",
    name="Recommendation",
    host_name="BehaviourStream",
    settings=RecommendationSettings,
    open_database=open_database,
    make_stream=kafka_stream,
    make_service=service,
    routes=routes,
)


def build(args: Mapping[str, object]) -> serve.Application:
    """Its deployments: a function, as Ray Serve takes no method where its files name a builder."""
    return APPLICATION.build(args)
