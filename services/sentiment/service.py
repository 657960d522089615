"""The sentiment application without HTTP: its parts put together, opened and closed."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from services.sentiment.analysis import APP, Analyst, Request
from services.sentiment.config import SentimentSettings
from services.sentiment.events import AlertFeed
from services.sentiment.finder import Finder
from services.sentiment.reading import NewsReader, TopicFigures
from services.sentiment.schemas import (
    AnalyzeRequest,
    PartitionAnswer,
    StreamAnswer,
    TrendAnswer,
    WindowName,
)
from services.sentiment.scores import Analysis
from services.sentiment.trends import trend
from shared.clock import Clock
from shared.errors import DependencyError, InputError, PlatformError
from shared.http.application import READY
from shared.http.streams import StreamProbe, open_migrated, stream_checks
from shared.models.tasks import EMBED_TASK, Priority, TaskCall
from shared.sentiment.gazetteer import Gazetteer
from shared.sentiment.watermark import Watermark
from shared.serving.trunk import Trunk
from shared.storage.database import Database
from shared.streaming.health import StreamState, unreachable
from shared.streaming.places import beside_log, of_topic

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
        self._analyst = Analyst(trunk, finder, settings.tasks, clock)

    async def analyze(self, request: AnalyzeRequest) -> list[Analysis]:
        """What each text says.

        Raises:
            InputError: too many entities are named in all.
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
        return await self._analyst.analyze(
            Request(request.texts, named, self.settings.tag_entities),
            priority=Priority.INTERACTIVE,
            timeout_s=self.settings.encode_timeout_s,
        )

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
                mark=Watermark() if topic is None else topic.mark,
                now_s=self.clock.time(),
                allowed_lateness_s=self.settings.allowed_lateness_s,
                max_points=self.settings.max_points,
            )

        return await asyncio.to_thread(read)

    async def stream(self, tenant: str | None = None) -> StreamAnswer:
        """How far the stream is, of all tenants or as one of them may see it.

        What the host cannot say is left out, and the phase says why.
        """
        figures = await asyncio.to_thread(self.reader.topic, self.settings.topic, tenant)
        try:
            status = await self.probe.status()
            answer = self._stream_answer(figures, status.state, round(status.rate, 1))
        except DependencyError as error:
            answer = self._stream_answer(figures, unreachable(error), None)
        return answer if tenant is None else answer.of_tenant()

    async def readiness(self) -> Mapping[str, str]:
        """Whether the database, the trunk with its tasks, the broker, the stream and the webhook
        are there."""
        database, trunk, tasks, stream = await asyncio.gather(
            self._database_state(), self._trunk_state(), self._tasks_state(), self._stream_checks()
        )
        return {"database": database, "trunk": trunk, "tasks": tasks, **stream}

    def start(self) -> None:
        """Nothing: no thread runs before somebody listens."""

    def check_health(self) -> None:
        """Nothing that could have ended."""

    async def close(self) -> None:
        """Ends the event streams and closes the database."""
        await self.feed.close()
        await asyncio.to_thread(self._database.close)

    def _stream_answer(
        self, figures: TopicFigures | None, state: StreamState, rate: float | None
    ) -> StreamAnswer:
        figures = of_topic(figures, state.log)
        partitions = beside_log([] if figures is None else figures.partitions, state.log)
        return StreamAnswer(
            topic=self.settings.topic,
            topic_id=(state.log.topic_id or None) if figures is None else figures.topic_id,
            bootstrap=self._bootstrap,
            phase=state.phase,
            reason=state.reason,
            partitions=[PartitionAnswer.of(one) for one in partitions],
            scored=0 if figures is None else figures.scored,
            duplicates=0 if figures is None else figures.duplicates,
            conflicts=0 if figures is None else figures.conflicts,
            dead_letters=0 if figures is None else figures.dead_letters,
            late=0 if figures is None else figures.late,
            watermark=None if figures is None else figures.mark.time,
            rate=rate,
        )

    async def _database_state(self) -> str:
        try:
            await asyncio.to_thread(self.reader.ping)
        except PlatformError as error:
            return str(error)
        return READY

    async def _trunk_state(self) -> str:
        try:
            await self._trunk.encode(
                [TaskCall(EMBED_TASK, ["a"])], app=APP, timeout_s=_PROBE_TIMEOUT_S
            )
        except PlatformError as error:
            return str(error)
        return READY

    async def _tasks_state(self) -> str:
        settings = self.settings
        try:
            await self._analyst.check(
                _PROBE_TIMEOUT_S, tag=settings.tag_entities or settings.tag_stream
            )
        except PlatformError as error:
            return str(error)
        return READY

    async def _stream_checks(self) -> Mapping[str, str]:
        checks = await stream_checks(self.probe, "broker", "stream", "webhook")
        return {**checks, "webhook": checks.get("webhook", f"{READY}: none is configured")}


def open_database(settings: SentimentSettings) -> Database:
    """The database, migrated; see `shared.http.streams.open_migrated`."""
    return open_migrated(settings, MIGRATIONS)
