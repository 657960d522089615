"""The sample's news: sent to the embedded broker of a platform that has scored none yet."""

import threading
import time
from contextlib import closing
from pathlib import Path

from services.cli.client import Platform
from services.cli.news.alerts import all_alerts
from services.cli.news.news_file import NewsFile, examine_news
from services.cli.news.replay import Pace, send_news
from services.cli.news.trends import has_news
from services.cli.platform.broker import embedded_bootstrap
from services.cli.platform.progress import Progress
from services.cli.platform.run_file import Run
from shared.clock import SystemClock
from shared.delivery.producer import Producer
from shared.errors import ArtifactError, AuthenticationError, PlatformError
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings

SAMPLE_FILE = Path(__file__).parents[2] / "sentiment" / "sample" / "news.jsonl"

_REPLAY_S = 10.0
_ALERT_LIMIT_S = 90.0
_LOOK_EVERY_S = 0.5


def begin(run: Run, progress: Progress, stop: threading.Event) -> None:
    """Replays the sample in the background, and prints a line when its surge becomes an alert.

    Only an embedded broker is given it: what is in a broker that the user names is the user's.
    """
    settings = KafkaSettings(bootstrap=embedded_bootstrap(run))
    thread = threading.Thread(
        target=_replay_or_say_why, args=(run, settings, progress, stop), name="sample", daemon=True
    )
    thread.start()


def _replay_or_say_why(
    run: Run, settings: KafkaSettings, progress: Progress, stop: threading.Event
) -> None:
    try:
        with Platform(run.url) as platform, closing(KafkaTopicProducer(settings)) as producer:
            replay_sample(platform, producer, progress, stop)
    except AuthenticationError:
        progress.note("requests need a key, so the sample news are left out")
    except PlatformError as error:
        if not stop.is_set():
            progress.note(f"the sample news came to nothing: {error}")


def replay_sample(
    platform: Platform,
    producer: Producer,
    progress: Progress,
    stop: threading.Event,
    *,
    replay_s: float = _REPLAY_S,
    alert_limit_s: float = _ALERT_LIMIT_S,
) -> bool:
    """Sends the sample where no news was ever scored; returns whether an alert fired.

    Raises:
        PlatformError: the platform or the broker does not answer, or the sample is damaged.
    """
    # The stream's own counts are of the present topic: an embedded broker begins with a new one.
    if has_news(platform):
        return False
    news = _sample()
    topic = platform.get("/sentiment/stream")["topic"]
    pace = Pace(max(1.0, news.span_s / replay_s), shift=True)
    announcer = _Announcer(platform, progress)
    send_news(
        news,
        producer,
        topic,
        pace,
        clock=SystemClock(),
        pause=stop.wait,
        on_acknowledged=lambda _count: announcer.look(),
    )
    end_s = time.monotonic() + alert_limit_s
    while not announcer.look():
        if stop.wait(_LOOK_EVERY_S):
            return False
        if time.monotonic() > end_s:
            progress.note(
                f"the sample's {news.count} news are sent and no alert has fired for "
                f"{alert_limit_s:.0f} s: `banyan status` says whether the stream is well"
            )
            return False
    return True


class _Announcer:
    """Prints one line, once, when an alert fires."""

    def __init__(self, platform: Platform, progress: Progress) -> None:
        self._platform = platform
        self._progress = progress
        self._has_said = False

    def look(self) -> bool:
        """Whether an alert has fired by now."""
        if self._has_said:
            return True
        if fired := [alert for alert in all_alerts(self._platform) if alert.fired_at is not None]:
            self._has_said = True
            after_s = time.monotonic() - self._progress.begun_s
            self._progress.note(
                f"alert after {after_s:.0f} s: negative news about {fired[-1].about} surges: "
                f"{fired[-1].reason} (`banyan sentiment alerts`)"
            )
        return self._has_said


def _sample() -> NewsFile:
    news = examine_news(SAMPLE_FILE)
    if news.refused_count or not news.count:
        raise ArtifactError(f"the sample is damaged: {', '.join(news.refused) or 'it is empty'}")
    return news
