"""What a drill's consumer is told; it travels to another process as JSON."""

from pathlib import Path

from pydantic import SecretStr

from services.sentiment.config import SentimentSettings
from shared.config import Settings
from shared.delivery.relay import RelaySettings
from shared.delivery.sinks.webhook import WebhookSettings
from shared.sentiment.surge import SurgeSettings
from shared.streaming.settings import KafkaSettings, ProcessorSettings

SCHEMA = "sentiment"

TOUCHY = SurgeSettings(
    bucket_s=300,
    window_s=7_200,
    low_count_p=0.2,
    high_count_p=0.1,
    low_share_p=0.6,
    high_share_p=0.4,
    low_support=2,
    high_support=2,
    newcomer_support=4,
    quiet_s=1_800,
    min_history_s=3_600,
    rate_variation=0.2,
)
"""A detector that sees many surges in tweets: 119 alerts fire in the first 20,000, 16 in 3,000."""


class ConsumerPlan(Settings):
    """One member: where it reads, where it writes, and how long it takes for a text."""

    bootstrap: str
    topic: str
    group: str
    database_url: str
    webhook_url: str | None = None
    session_timeout_ms: int = 6_000
    partitions: int = 6
    max_batch_records: int = 64
    text_s: float = 0.0

    @property
    def kafka(self) -> KafkaSettings:
        """How the broker is reached."""
        return KafkaSettings(
            bootstrap=self.bootstrap,
            partitions=self.partitions,
            session_timeout_ms=self.session_timeout_ms,
            heartbeat_interval_ms=self.session_timeout_ms // 4,
        )

    @property
    def sentiment(self) -> SentimentSettings:
        """The application's settings: small batches, so that a kill may hit many moments."""
        webhook_url = None if self.webhook_url is None else SecretStr(self.webhook_url)
        return SentimentSettings(
            state_dir=Path("unused"),
            database_url=SecretStr(self.database_url),
            topic=self.topic,
            group=self.group,
            alerts_topic=f"{self.topic}.alerts.{self.group}",
            surge=TOUCHY,
            processor=ProcessorSettings(max_batch_records=self.max_batch_records),
            relay=RelaySettings(retry_first_s=0.1, retry_max_s=1.0, lease_s=5.0, poll_s=0.3),
            webhook=WebhookSettings(url=webhook_url, allow_private=True),
        )
