"""The stream of behaviour: read, stored, and its dead letters passed on."""

from services.recommendation.behaviour import Behaved
from services.recommendation.behaviour_store import BehaviourStore
from services.recommendation.config import RecommendationSettings
from services.recommendation.payloads import NewEvent
from services.recommendation.records import BehaviourRecords
from services.recommendation.retention import rules
from services.recommendation.store import FeedbackStore
from services.recommendation.tables import OUTBOX
from shared.clock import Clock, SystemClock
from shared.delivery.producer import Producer
from shared.storage.database import Database
from shared.storage.retention import Retention
from shared.streaming.consumer import Consumer
from shared.streaming.host import Stream

BehaviourStream = Stream[NewEvent, Behaved]


def behaviour_stream(
    settings: RecommendationSettings,
    *,
    consumer: Consumer,
    producer: Producer,
    database: Database,
    clock: Clock | None = None,
) -> BehaviourStream:
    """The stream, not yet started."""
    clock = clock or SystemClock()
    retention = Retention(
        database,
        rules(settings.retention),
        settings.retention,
        take_turn=FeedbackStore(database, clock).take_turn,
        clock=clock,
    )
    return Stream(
        BehaviourRecords(BehaviourStore(database, clock), max_ahead_s=settings.max_ahead_s),
        settings,
        consumer=consumer,
        producer=producer,
        database=database,
        outbox=OUTBOX,
        retention=retention,
        clock=clock,
    )
