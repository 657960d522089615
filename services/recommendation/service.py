"""The recommendation application without HTTP: its parts put together, opened and closed."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from services.recommendation.config import RecommendationSettings
from services.recommendation.items import ItemKey
from services.recommendation.metrics import RANK_LATENCY
from services.recommendation.payloads import NewEvent
from services.recommendation.rankings.champions import Champions
from services.recommendation.rankings.embedding import ItemEmbedder
from services.recommendation.rankings.follower import Follower
from services.recommendation.rankings.rankings import Rankings
from services.recommendation.rankings.scorers import Scorers
from services.recommendation.rankings.snapshots import Snapshots
from services.recommendation.rankings.vectors import Bundle, VectorStore
from services.recommendation.reading import FeedbackReader
from services.recommendation.retention import event_rule
from services.recommendation.schemas import FeedbackAnswer, StreamAnswer
from services.recommendation.store import EventOutcome, FeedbackStore, StoredEvents
from services.recommendation.writer import FeedbackWriter
from shared.clock import Clock
from shared.errors import DependencyError, PlatformError
from shared.http.application import READY, state_of
from shared.http.streams import StreamProbe, stream_checks
from shared.ranking.events import Event
from shared.ranking.recommender import Ranked, Recommender
from shared.serving.trunk import Trunk
from shared.storage.database import Database
from shared.storage.retention import Retention
from shared.streaming.ledger.reader import TopicFigures

LOGGER = logging.getLogger(__name__)

_PROBE_TIMEOUT_S = 5.0
_JOIN_S = 4.0
_RETRY_FIRST_S = 0.1
_RETRY_MAX_S = 2.0
_SHOWN_CONFLICTS = 100

_ALONE_POLL_S = 5.0
"""Where this process stores all events it tells the follower, which looks by itself as well."""


class RecommendationService:
    """Everything that the routes call; made once for each process that serves HTTP.

    Feedback is taken from the start. Rankings come when the vectors' bundle is known, from the
    vectors that are stored or else from the trunk, and all stored events are applied.
    """

    def __init__(
        self,
        settings: RecommendationSettings,
        trunk: Trunk,
        database: Database,
        probe: StreamProbe,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.probe = probe
        self.reader = FeedbackReader(database)
        self._trunk = trunk
        self._database = database
        self._vectors = VectorStore(database)
        self._champions = Champions(trunk, self._vectors, settings.embed_tasks)
        self._scorers = Scorers(settings.rankers_dir)
        self._writer = FeedbackWriter(
            FeedbackStore(database, clock),
            self._on_stored,
            max_queued_events=settings.max_queued_events,
            max_batch_events=settings.max_batch_events,
        )
        self._follower: Follower | None = None
        self._embedder: ItemEmbedder | None = None
        self._retention: Retention | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._waits_for = "the trunk has not been asked yet"
        self._stores_all = probe.on_stored(self._wake)

    def start(self) -> None:
        """Starts the threads and tasks; called on the loop that serves."""
        self._writer.start()
        self._beginning = asyncio.create_task(self._begin())

    async def feedback(self, tenant: str, events: Sequence[Event]) -> FeedbackAnswer:
        """Stores events durably, once each; the next ranking knows of them.

        Raises:
            OverloadedError: too many events wait already.
            DependencyError: the database does not answer; none of these events is stored.
        """
        new = [NewEvent.of(tenant, event) for event in events]
        outcomes = await asyncio.wrap_future(self._writer.submit(new)) if new else ()
        conflicting = [
            event.id
            for event, outcome in zip(events, outcomes, strict=True)
            if outcome is EventOutcome.CONFLICT
        ]
        return FeedbackAnswer(
            stored=sum(outcome.is_stored for outcome in outcomes),
            unchanged=outcomes.count(EventOutcome.UNCHANGED),
            older=outcomes.count(EventOutcome.OLDER),
            repeated=outcomes.count(EventOutcome.REPEATED),
            conflicts=len(conflicting),
            conflicting=conflicting[:_SHOWN_CONFLICTS],
        )

    async def ranked(
        self,
        route: str,
        tenant: str,
        rank: Callable[[Recommender], list[Ranked]],
        *,
        model: str | None = None,
    ) -> list[Ranked]:
        """What a tenant's recommender ranks, on a thread; `model` names what scores.

        Raises:
            NotFoundError: there is no model of this name, or no event has named the item.
            ArtifactError: the model's files are corrupt, or made for another version.
            DependencyError: the rankings are not there yet.
        """
        rankings = self._rankings()

        def ranked() -> list[Ranked]:
            with RANK_LATENCY.labels(route).time():
                scorer = None if model is None else self._scorers.get(model)
                with rankings.recommender(tenant) as recommender:
                    if scorer is not None:
                        recommender.scorer = scorer
                    return rank(recommender)

        return await asyncio.to_thread(ranked)

    async def stream(self, tenant: str | None = None) -> StreamAnswer:
        """How far the stream is: see `TopicAnswer.read`."""

        def own(present: TopicFigures) -> Mapping[str, object]:
            counts = present.counts
            return {
                "stored": sum(counts[one] for one in EventOutcome if one.is_stored),
                "repeated": counts[EventOutcome.REPEATED],
                "conflicts": counts[EventOutcome.CONFLICT],
            }

        topic, stored = self.settings.topic, self.reader.topic
        return await StreamAnswer.read(topic, stored, self.probe, tenant, own)

    async def readiness(self) -> Mapping[str, str]:
        """Whether the database, the trunk, the rankings, the broker and the stream are there."""
        database, trunk, stream = await asyncio.gather(
            state_of(asyncio.to_thread(self._database.ping)),
            state_of(self._champions.now(_PROBE_TIMEOUT_S)),
            stream_checks(self.probe, "broker", "stream"),
        )
        return {
            "database": database,
            "trunk": trunk,
            "rankings": self._rankings_state(),
            "vectors": self._vectors_state(),
            **stream,
        }

    def check_health(self) -> None:
        """Returns if every thread and task turns.

        Raises:
            DependencyError: one has ended.
        """
        begun = self._follower is None or self._follower.is_alive
        embeds = self._embedder is None or self._embedder.is_alive
        deletes = self._retention is None or self._retention.is_alive
        if not (self._writer.is_alive and begun and embeds and deletes):
            raise DependencyError("a thread of the rankings' has ended")

    async def close(self) -> None:
        """Stores what waits, ends threads and tasks, and closes the database."""
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait([self._beginning])
        if self._embedder is not None:
            await self._embedder.close()
        await asyncio.to_thread(self._writer.stop, _JOIN_S)
        if self._retention is not None:
            await asyncio.to_thread(self._retention.stop, _JOIN_S)
        if self._follower is not None:
            await asyncio.to_thread(self._follower.stop, _JOIN_S)
        await asyncio.to_thread(self._database.close)

    async def _begin(self) -> None:
        bundle = await self._first_bundle()
        settings, embedder = self.settings, None

        def on_items(keys: Sequence[ItemKey]) -> None:
            if embedder is not None:
                embedder.notice(keys)

        snapshots = Snapshots(
            settings.snapshots_dir, self.reader, settings.state, settings.snapshot_events
        )
        follower = Follower(
            self.reader,
            self._new_rankings(bundle),
            snapshots,
            self._fill,
            on_items,
            poll_s=_ALONE_POLL_S if self._stores_all else settings.follow_s,
        )
        embedder = ItemEmbedder(
            self._trunk,
            self._champions,
            self._vectors,
            follower,
            self._new_rankings,
            timeout_s=settings.encode_timeout_s,
            check_s=settings.champion_check_s,
        )
        self._retention = Retention(
            self._database,
            [event_rule(settings.retention, lambda: snapshots.on_disk_seq)],
            settings.retention,
            take_turn=FeedbackStore(self._database).take_turn,
            clock=self.clock,
        )
        # Known before they run: what is stored from now on is told to them.
        self._follower, self._embedder = follower, embedder
        follower.start()
        embedder.start()
        self._retention.start()

    async def _first_bundle(self) -> Bundle:
        """The bundle whose vectors serve, else the trunk's champion, however long it takes."""
        retry_s = _RETRY_FIRST_S
        while True:
            try:
                serving = await asyncio.to_thread(self._vectors.serving)
                if serving is not None:
                    return serving
                first = await self._champions.now(_PROBE_TIMEOUT_S)
                return await asyncio.to_thread(self._vectors.serve_first, first)
            except PlatformError as error:
                self._waits_for = str(error)
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, _RETRY_MAX_S)

    def _new_rankings(self, bundle: Bundle) -> Rankings:
        settings = self.settings
        return Rankings(bundle.id, bundle.width, settings.state, settings.recommender)

    def _fill(self, rankings: Rankings) -> None:
        for found in self._vectors.load(rankings.bundle):
            rankings.set_vectors(found)
        rankings.rebuild_indexes()

    def _on_stored(self, stored: StoredEvents, answer: Callable[[], None]) -> None:
        if self._follower is None:
            answer()
        else:
            self._follower.offer(stored, answer)

    def _wake(self) -> None:
        if self._follower is not None:
            self._follower.wake()

    def _rankings(self) -> Rankings:
        if self._follower is None or not self._follower.is_caught_up:
            raise DependencyError(f"there are no rankings yet: {self._rankings_state()}")
        return self._follower.rankings

    def _rankings_state(self) -> str:
        if self._follower is None:
            return f"the width of the vectors is not known: {self._waits_for}"
        if not self._follower.is_caught_up:
            return f"{self._follower.rankings.applied_seq} stored events are applied, not yet all"
        return READY

    def _vectors_state(self) -> str:
        if self._embedder is None:
            return READY
        error, progress = self._embedder.error, self._embedder.progress
        if error is not None:
            return f"{READY}: items wait for their vectors: {error}"
        if progress is not None:
            return f"{READY}: {progress}"
        fault = self._champions.fault
        return READY if fault is None else f"{READY}, but {fault}"
