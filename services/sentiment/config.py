"""The settings of the sentiment application."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from services.sentiment.analysis.finder import SAMPLE
from services.sentiment.analysis.tasks import LanguageTasks, TaskNames
from services.sentiment.retention import NewsRetention
from shared.delivery.sinks.webhook import WebhookSettings
from shared.http.streams import StreamedSettings
from shared.sentiment.surge import SurgeSettings
from shared.text.language import Language
from shared.validation.forms import KafkaName


class SentimentSettings(StreamedSettings):
    """Settings of the sentiment application; how the broker is reached is `KafkaSettings`.

    A record dated more than `max_ahead_s` after its arrival is a dead letter; one dated less far
    ahead moves event time to its arrival and `max_skew_s` at most; one that lies more than
    `allowed_lateness_s` behind its partition is late. `entities_file` holds the known entities
    (JSON lines `entity, aliases, tickers`); the tagger reads texts that name none of them where
    `tag_entities` (for requests) and `tag_stream` (for the stream) allow. Texts in a language of
    `language_tasks` are judged by its tasks alone: where the trunk lacks them, a record is a dead
    letter and a request is refused; all other texts are judged by `tasks`. `max_judgements` bounds
    the pairs of text and entity of one request, `max_listeners` the open event streams of a
    replica, `max_points` the windows of one answer.
    """

    database: ClassVar[str] = "sentiment"

    topic: KafkaName = "news"
    group: KafkaName = "banyan-sentiment"
    alerts_topic: KafkaName = "alerts"
    entities_file: Path = SAMPLE
    tasks: TaskNames = TaskNames()
    language_tasks: dict[Language, LanguageTasks] = Field(
        default_factory=lambda: {Language.CHINESE: LanguageTasks(text="finance-sentiment-zh")}
    )
    tag_entities: bool = True
    tag_stream: bool = True
    max_judgements: int = Field(4096, ge=1)
    encode_timeout_s: float = Field(30.0, gt=0)
    stream_timeout_s: float = Field(60.0, gt=0)
    max_ahead_s: float = Field(3600.0, ge=0)
    max_skew_s: float = Field(10.0, ge=0)
    allowed_lateness_s: float = Field(300.0, ge=0)
    max_points: int = Field(2000, ge=1)
    max_listeners: int = Field(64, ge=1)
    event_poll_s: float = Field(0.25, ge=0.05)
    event_comment_s: float = Field(15.0, gt=0)
    surge: SurgeSettings = SurgeSettings()
    retention: NewsRetention = NewsRetention()
    webhook: WebhookSettings = WebhookSettings()
