"""The sentiment application without HTTP: its parts put together, opened and closed."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from services.sentiment.alerts.events import AlertFeed
from services.sentiment.analysis.finder import Finder
from services.sentiment.analysis.plans import Request
from services.sentiment.analysis.scores import Analysis
from services.sentiment.analysis.tasks import Unjudged
from services.sentiment.analysis.texts import APP, Analyst
from services.sentiment.arrivals import LATE, RecordOutcome
from services.sentiment.config import SentimentSettings
from services.sentiment.reading import NewsReader, event_time
from services.sentiment.schemas import AnalyzeRequest, StreamAnswer, TrendAnswer, WindowName
from services.sentiment.trends import trend
from shared.clock import Clock
from shared.errors import InputError
from shared.http.application import READY, state_of
from shared.http.streams import StreamProbe, open_migrated, stream_checks
from shared.models.backbones.prefixes import InputType
from shared.models.tasks import EMBED_TASK, Priority, TaskCall
from shared.sentiment.gazetteer import Gazetteer
from shared.serving.trunk import Trunk
from shared.storage.database import Database
from shared.streaming.ledger.reader import TopicFigures

MIGRATIONS = Path(__file__).with_name("migrations")

_PROBE_TIMEOUT_S = 5.0


class SentimentService:
    """Everything that the routes call; made once for each process that serves HTTP."""

    def __init__(
        self,
        settings: SentimentSettings,
        trunk: Trunk,
        database: Database,
        probe: StreamProbe,
        bootstrap: str | None,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.probe = probe
        self.reader = NewsReader(database)
        self.feed = AlertFeed(
            self.reader,
            poll_s=settings.event_poll_s,
            comment_s=settings.event_comment_s,
            max_listeners=settings.max_listeners,
        )
        self._trunk = trunk
        self._database = database
        self._bootstrap = bootstrap
        finder = Finder(Gazetteer.load(settings.entities_file))
        self._analyst = Analyst(trunk, finder, settings.tasks, clock, settings.language_tasks)

    async def analyze(self, request: AnalyzeRequest) -> list[Analysis]:
        """What each text says.

        Raises:
            InputError: too many entities are named in all, or the trunk lacks the tasks of a
                text's language.
            PlatformError: see `Analyst.analyze`.
        """
        named = request.entities or [None] * len(request.texts)
        judgements = sum(len(names) for names in named if names)
        if judgements > self.settings.max_judgements:
            raise InputError(
                f"{judgements} entities are named in all, at most "
                f"{self.settings.max_judgements} are judged at once: send fewer texts",
                param="entities",
            )
        judged = await self._analyst.analyze(
            Request(request.texts, named, self.settings.tag_entities),
            priority=Priority.INTERACTIVE,
            timeout_s=self.settings.encode_timeout_s,
        )
        return [_analysis(place, one) for place, one in enumerate(judged)]

    async def trend(
        self, tenant: str, entity: str, window: WindowName, start: float | None, end: float | None
    ) -> TrendAnswer:
        """See `services.sentiment.trends.trend`."""

        def read() -> TrendAnswer:
            topic = self.reader.topic(self.settings.topic)
            return trend(
                self.reader,
                tenant,
                entity,
                window,
                start=start,
                end=end,
                mark=event_time(topic),
                now_s=self.clock.time(),
                allowed_lateness_s=self.settings.allowed_lateness_s,
                max_points=self.settings.max_points,
            )

        return await asyncio.to_thread(read)

    async def stream(self, tenant: str | None = None) -> StreamAnswer:
        """How far the stream is: see `TopicAnswer.read`."""

        def own(present: TopicFigures) -> Mapping[str, object]:
            counts = present.counts
            return {
                "bootstrap": self._bootstrap,
                "scored": counts[RecordOutcome.SCORED],
                "duplicates": counts[RecordOutcome.DUPLICATE],
                "conflicts": counts[RecordOutcome.CONFLICT],
                "late": counts[LATE],
                "watermark": event_time(present).time,
            }

        topic, stored = self.settings.topic, self.reader.topic
        return await StreamAnswer.read(topic, stored, self.probe, tenant, own)

    async def readiness(self) -> Mapping[str, str]:
        """Whether the database, the trunk with its tasks, the broker, the stream and the webhook
        are there."""
        settings = self.settings
        tag = settings.tag_entities or settings.tag_stream
        probe = [TaskCall(EMBED_TASK, ["a"], input_type=InputType.QUERY)]
        database, trunk, tasks, stream = await asyncio.gather(
            state_of(asyncio.to_thread(self._database.ping)),
            state_of(self._trunk.encode(probe, app=APP, timeout_s=_PROBE_TIMEOUT_S)),
            state_of(self._analyst.check(_PROBE_TIMEOUT_S, tag=tag)),
            self._stream_checks(),
        )
        if tasks == READY and (unjudged := self._analyst.unjudged):
            tasks = f"{READY}, but {'; '.join(map(str, unjudged))}"
        return {"database": database, "trunk": trunk, "tasks": tasks, **stream}

    def start(self) -> None:
        """Nothing: no thread runs before somebody listens."""

    def check_health(self) -> None:
        """Nothing that could have ended."""

    async def close(self) -> None:
        """Ends the event streams and closes the database."""
        await self.feed.close()
        await asyncio.to_thread(self._database.close)

    async def _stream_checks(self) -> Mapping[str, str]:
        checks = await stream_checks(self.probe, "broker", "stream", "webhook")
        return {**checks, "webhook": checks.get("webhook", f"{READY}: none is configured")}


def _analysis(place: int, judged: Analysis | Unjudged) -> Analysis:
    if isinstance(judged, Unjudged):
        raise InputError(f"texts.{place}: {judged}", param=f"texts.{place}")
    return judged


def open_database(settings: SentimentSettings) -> Database:
    """The database, migrated; see `shared.http.streams.open_migrated`."""
    return open_migrated(settings, MIGRATIONS)
