"""The application `recommendation`: replicas that serve the routes, and the stream of behaviour."""

from collections.abc import Mapping

from ray import serve

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.routes import routes
from services.recommendation.service import RecommendationService
from services.recommendation.stream import behaviour_stream
from shared.clock import SystemClock
from shared.http.streams import StreamProbe
from shared.serving.serve_trunk import ServeTrunk
from shared.serving.streamed import StreamedApplication
from shared.storage.database import Database
from shared.streaming.settings import KafkaSettings


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
    make_stream=behaviour_stream,
    make_service=service,
    routes=routes,
)


def build(args: Mapping[str, object]) -> serve.Application:
    """Its deployments: a function, as Ray Serve takes no method where its files name a builder."""
    return APPLICATION.build(args)
