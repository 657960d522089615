"""The stream of news: read, judged, stored, and told to others."""

import asyncio

from services.sentiment.alerts.alertmanager import ALERTS, WEBHOOK
from services.sentiment.analysis.finder import Finder
from services.sentiment.analysis.texts import Analyst
from services.sentiment.arrivals import ScoredNews
from services.sentiment.config import SentimentSettings
from services.sentiment.news import News
from services.sentiment.records import NewsRecords
from services.sentiment.retention import rules
from services.sentiment.store import NewsStore
from services.sentiment.tables import OUTBOX
from shared.clock import Clock, SystemClock
from shared.delivery.producer import Producer
from shared.delivery.sinks.webhook import Webhook
from shared.sentiment.gazetteer import Gazetteer
from shared.sentiment.surge import SurgeDetector
from shared.serving.trunk import Trunk
from shared.storage.database import Database
from shared.storage.retention import Retention
from shared.streaming.consumer import Consumer
from shared.streaming.host import Stream

NewsStream = Stream[News, ScoredNews]


def news_stream(
    settings: SentimentSettings,
    *,
    consumer: Consumer,
    producer: Producer,
    trunk: Trunk,
    database: Database,
    loop: asyncio.AbstractEventLoop,
    clock: Clock | None = None,
) -> NewsStream:
    """The stream, not yet started; `loop` runs in another thread, where the trunk is called."""
    clock = clock or SystemClock()
    store = NewsStore(
        database,
        SurgeDetector(settings.surge),
        allowed_lateness_s=settings.allowed_lateness_s,
        max_skew_s=settings.max_skew_s,
        has_webhook=settings.webhook.url is not None,
        clock=clock,
    )
    retention = Retention(
        database,
        rules(settings.retention),
        settings.retention,
        take_turn=store.take_turn,
        clock=clock,
    )
    finder = Finder(Gazetteer.load(settings.entities_file))
    analyst = Analyst(trunk, finder, settings.tasks, clock, settings.language_tasks)
    return Stream(
        NewsRecords(settings, analyst, store, loop, clock),
        settings,
        consumer=consumer,
        producer=producer,
        database=database,
        outbox=OUTBOX,
        retention=retention,
        clock=clock,
        topics={ALERTS: settings.alerts_topic},
        sinks=[Webhook(WEBHOOK, settings.webhook)] if settings.webhook.url is not None else [],
    )
