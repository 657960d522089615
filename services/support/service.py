"""The support application without HTTP: its parts put together, opened and closed."""

import asyncio
import logging
from collections.abc import Mapping

from services.support.answers.assistant import Assistant
from services.support.answers.champions import Champions
from services.support.answers.encoding import Encoding
from services.support.answers.near_talk import NearTalk
from services.support.answers.relevance import Relevance, Relevances
from services.support.answers.small_talk import load_small_talk
from services.support.answers.wording import load_wording
from services.support.confidence import ConfidenceFollower, open_confidence
from services.support.config import SupportSettings
from services.support.database import open_database
from services.support.documents import DocumentStore
from services.support.index_follower import IndexFollower
from services.support.knowledge_base import Surroundings
from services.support.knowledge_bases import KnowledgeBases
from services.support.open_indexes import OpenIndexes
from services.support.passages import APP, Embedder
from services.support.retention import rules
from services.support.unanswered.recorder import Recorder
from services.support.unanswered.store import Asked, UnansweredStore
from shared.clock import Clock, SystemClock
from shared.errors import PlatformError
from shared.http.application import READY, state_of
from shared.retrieval.calibrations import confidence_name
from shared.retrieval.tokens import add_words, read_words
from shared.serving.judge import Judge
from shared.serving.trunk import Trunk
from shared.storage.database import Database, check_one_writer
from shared.storage.retention import Retention
from shared.text.language import Language

LOGGER = logging.getLogger(__name__)

_PROBE_TIMEOUT_S = 5.0
_JOIN_S = 5.0
_MAX_QUEUED = 1_000
_MIB = 1024 * 1024


class SupportService:
    """Everything that the routes call; made once for each process."""

    def __init__(
        self, settings: SupportSettings, trunk: Trunk, database: Database, clock: Clock
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._database = database
        self._store = DocumentStore(database, clock)
        self._embedder = Embedder(trunk, clock, settings.write_timeout_s)
        self._probe = Embedder(trunk, clock, _PROBE_TIMEOUT_S)
        open_indexes = OpenIndexes(int(settings.max_index_mib * _MIB))
        around = Surroundings(self._store, self._embedder, clock, settings, open_indexes)
        self.knowledge_bases = KnowledgeBases(around)
        self._follower = IndexFollower(
            self.knowledge_bases,
            self._embedder,
            clock,
            settings.embed_task,
            settings.champion_check_s,
            settings.embed_tasks,
        )
        self.unanswered = UnansweredStore(database, settings.max_unanswered)
        self._recorder = Recorder(self.unanswered, _MAX_QUEUED)
        keep = settings.retention
        self._retention = Retention(database, rules(keep), keep, clock=clock)
        self.confidences = _confidences(settings)
        relevances = _relevances(settings, trunk, clock, self.confidences)
        self._champions = [
            Champions(
                trunk,
                relevances.of_task(task),
                task,
                settings.intent_task,
                _PROBE_TIMEOUT_S,
                confidence.language,
            )
            for task, confidence in self.confidences.items()
        ]
        self._talk = NearTalk(load_small_talk(settings.small_talk_file), trunk)
        self.wording = load_wording(settings.wording_file)
        self.assistant = Assistant(
            Encoding(trunk, clock, settings.intent_task),
            relevances,
            self._talk,
            clock,
            settings.encode_timeout_s,
        )

    async def readiness(self) -> Mapping[str, str]:
        """Whether the database and the trunk answer, how the indexes stand, and whether intents,
        judge and confidence are for the bundles that answer."""
        states = {
            "database": await state_of(asyncio.to_thread(self._database.ping)),
            "trunk": await state_of(self._probe.bundle(self.settings.embed_task)),
            "indexes": self._follower.state,
        }
        if states["trunk"] == READY:
            states |= await self._champion_states()
        return states

    def start(self) -> None:
        """Starts the threads, and the tasks that follow champions on the loop that serves."""
        self._recorder.start()
        self._retention.start()
        self._follower.start()
        self._talk.start(self.settings.embed_task)
        for confidence in self.confidences.values():
            confidence.start()

    def note_unanswered(self, asked: Asked) -> None:
        """Keeps a question that was not answered, if questions are kept; returns at once."""
        if self.settings.keep_unanswered:
            self._recorder.note(asked)

    async def close(self) -> None:
        """Ends the tasks, writes what waits, saves the indexes and closes the database."""
        await self._follower.close()
        await self._talk.close()
        for confidence in self.confidences.values():
            await confidence.close()
        await asyncio.to_thread(self._recorder.stop, _JOIN_S)
        await asyncio.to_thread(self._retention.stop, _JOIN_S)
        await self.knowledge_bases.close()
        await asyncio.to_thread(self._database.close)

    def confidence_of(self, bundle: str | None) -> ConfidenceFollower:
        """The confidence of what an embed bundle indexes; the first language's without one."""
        task = "" if bundle is None else bundle.partition("@")[0]
        return self.confidences.get(task, self.confidences[self.settings.embed_task])

    async def _champion_states(self) -> Mapping[str, str]:
        states: dict[str, str] = {}
        try:
            for champions in self._champions:
                states |= await champions.states()
        except PlatformError as error:
            return {"trunk": str(error)}
        for confidence in self.confidences.values():
            if confidence.state != READY:
                states[confidence.name.removeprefix("support-")] = confidence.state
        return states


def _confidences(settings: SupportSettings) -> Mapping[str, ConfidenceFollower]:
    """The confidences by the embed task of their language, of further ones where there are any."""
    store = open_confidence(settings.confidence_dir)
    found = {settings.embed_task: ConfidenceFollower(store)}
    for language, task in settings.embed_tasks.items():
        if task not in found and store.named(confidence_name(language)) is not None:
            found[task] = ConfidenceFollower(store, language)
    return found


def _relevances(
    settings: SupportSettings,
    trunk: Trunk,
    clock: Clock,
    confidences: Mapping[str, ConfidenceFollower],
) -> Relevances:
    def judge(language: Language | None) -> Judge | None:
        task = settings.judge_task if language is None else settings.judge_tasks.get(language)
        if task is None:
            return None
        return Judge(trunk, task, settings.judge_budget_ms, clock, APP)

    made = {
        task: Relevance(judge(confidence.language), confidence)
        for task, confidence in confidences.items()
    }
    default = made.pop(settings.embed_task)
    return Relevances(default, made, frozenset(settings.embed_tasks.values()) - confidences.keys())


def open_service(
    settings: SupportSettings, trunk: Trunk, clock: Clock | None = None
) -> SupportService:
    """Opens and migrates the database, and puts the parts together; blocks.

    Raises:
        ConfigError: the database's URL or revision or a file of texts cannot be used, or
            SQLite should serve several replicas.
        DependencyError: the database does not answer.
        ArtifactError: the calibration of the confidence cannot be read.
    """
    check_processes(settings)
    if settings.chinese_words_file is not None:
        add_words(read_words(settings.chinese_words_file))
    return SupportService(settings, trunk, open_database(settings), clock or SystemClock())


def check_processes(settings: SupportSettings) -> None:
    """Refuses several replicas on SQLite: none would see the others' writes.

    Raises:
        ConfigError: see `check_one_writer`.
    """
    check_one_writer(settings.resolved_database_url, {"replicas": settings.replicas})
