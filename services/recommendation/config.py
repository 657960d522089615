"""The settings of the recommendation application."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from services.recommendation.retention import BehaviourRetention
from shared.http.streams import StreamedSettings
from shared.ranking.recommender import RecommenderSettings
from shared.ranking.settings import StateSettings
from shared.text.language import Language
from shared.validation.forms import KafkaName


class RecommendationSettings(StreamedSettings):
    """Settings of the recommendation application; how the broker is reached is `KafkaSettings`.

    An event dated more than `max_ahead_s` after the clock (of the topic: after its record's time
    stamp) is refused. A request holds at most `max_events`; `max_queued_events` wait for their
    transaction, which takes `max_batch_events` of them. What another process stored (on PostgreSQL)
    is seen after `follow_s`. After `snapshot_events` the rankings are saved, so that a start
    applies no more than about so many. A ranking without a `count` and without items has
    `default_count` places. `embed_tasks` embed the items where their texts are in a language of it
    and the trunk has its task; else the trunk's own embedding does. A new champion, and another
    language, are looked for every `champion_check_s`.
    """

    database: ClassVar[str] = "recommendation"

    topic: KafkaName = "behaviour"
    group: KafkaName = "banyan-recommendation"
    max_events: int = Field(10_000, ge=1)
    max_queued_events: int = Field(50_000, ge=1)
    max_batch_events: int = Field(2_000, ge=1)
    max_ahead_s: float = Field(86_400.0, ge=0)
    default_count: int = Field(10, ge=1, le=1000)
    follow_s: float = Field(0.1, gt=0, le=0.2)
    snapshot_events: int = Field(50_000, ge=1)
    encode_timeout_s: float = Field(60.0, gt=0)
    embed_tasks: dict[Language, str] = Field(default_factory=lambda: {Language.CHINESE: "embed-zh"})
    champion_check_s: float = Field(30.0, gt=0)
    state: StateSettings = StateSettings()
    recommender: RecommenderSettings = RecommenderSettings()
    retention: BehaviourRetention = BehaviourRetention()

    @property
    def rankers_dir(self) -> Path:
        """Where trained rankers lie."""
        return self.state_dir / "rankers"

    @property
    def snapshots_dir(self) -> Path:
        """Where snapshots of the rankings lie."""
        return self.state_dir / "rankings"
