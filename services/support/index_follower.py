"""Knowledge bases follow the champion that embeds: rebuilt while their old indexes serve."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.support.knowledge_base import KnowledgeBase
from services.support.knowledge_bases import KnowledgeBases
from services.support.passages import Embedder
from shared.clock import Clock
from shared.errors import NotFoundError, PlatformError
from shared.http.application import READY
from shared.text.language import Language

LOGGER = logging.getLogger(__name__)

Champion = tuple[str, int]
"""A bundle that embeds, and its vectors' width."""

_PAUSE_S = 300.0
"""Until a knowledge base is tried again with a bundle with which it failed."""


@dataclass(slots=True)
class IndexFollower:
    """A task of the replica's loop that lets the champion of `task` make every index.

    Of a knowledge base in a language that `tasks` have, and the trunk has the task, that task's
    champion makes it.

    It looks for another champion every `check_s`, and takes one knowledge base after another. One
    that fails serves on with its old index, and does not keep the others.
    """

    knowledge_bases: KnowledgeBases
    embedder: Embedder
    clock: Clock
    task: str
    check_s: float
    tasks: Mapping[Language, str] = field(default_factory=dict)
    _error: str | None = None
    _failed: dict[str, tuple[str, float]] = field(default_factory=dict)
    _behind: set[str] = field(default_factory=set)
    _unserved: dict[str, Language] = field(default_factory=dict)
    _running: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """`READY`, with a warning where indexes are not made by the champion and why."""
        if self._error is not None:
            return f"{READY}, but the champion is not known: {self._error}"
        if self._failed:
            return (
                f"{READY}, but {len(self._failed)} of the indexes cannot be made by the champion "
                f"of {self.task}, and serve as they were: the log says why"
            )
        if self._behind:
            return (
                f"{READY}, but {len(self._behind)} of the indexes are still to be made by the "
                f"champion of {self.task}: until then they serve as they were, and cannot be "
                "asked if it is on another backbone"
            )
        if self._unserved:
            language = next(iter(self._unserved.values()))
            return (
                f"{READY}, but {len(self._unserved)} of the knowledge bases are in {language}, and "
                f"the trunk has no task {self.tasks[language]!r}: `banyan backbone fetch "
                "multilingual-e5-small` makes a backbone for it, and says how it is served"
            )
        return READY

    def start(self) -> None:
        """Starts the task."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends the task; what is half made is made at the next start."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def follow(self) -> None:
        """Lets the present champion make every index that another bundle made.

        Raises:
            PlatformError: the trunk or the database does not answer.
        """
        champion = await self.embedder.bundle(self.task)
        behind: list[tuple[KnowledgeBase, Champion]] = []
        of_tasks: dict[str, Champion | None] = {}
        self._unserved = {}
        for one in await self.knowledge_bases.all():
            try:
                wanted = await self._wanted(one, of_tasks) or champion
            except NotFoundError:
                # It was deleted meanwhile.
                continue
            if await one.bundle() not in (wanted[0], None):
                behind.append((one, wanted))
        self._behind = {one.uid for one, _ in behind}
        self._failed = {uid: at for uid, at in self._failed.items() if uid in self._behind}
        for one, (bundle, width) in behind:
            failed_with, failed_at_s = self._failed.get(one.uid, ("", 0.0))
            if failed_with != bundle or self.clock.monotonic() - failed_at_s >= _PAUSE_S:
                await self._follow_one(one, bundle, width)

    async def _wanted(
        self, one: KnowledgeBase, of_tasks: dict[str, Champion | None]
    ) -> Champion | None:
        """What a knowledge base's language wants; None where it wants nothing, or in vain.

        `of_tasks` has the champions that were asked for already.
        """
        language = await one.language()
        if language is None or language not in self.tasks:
            return None
        task = self.tasks[language]
        if task not in of_tasks:
            of_tasks[task] = await self.embedder.find_bundle(task)
        if of_tasks[task] is None:
            self._unserved[one.uid] = language
        return of_tasks[task]

    async def _follow_one(self, one: KnowledgeBase, bundle: str, width: int) -> None:
        try:
            if await one.follow(bundle, width):
                LOGGER.info(
                    "an index was rebuilt with the new champion",
                    extra={"knowledge_base": one.name, "bundle": bundle},
                )
        except NotFoundError:
            LOGGER.info("a knowledge base was deleted", extra={"knowledge_base": one.name})
        except Exception as error:
            # The edge of the task: whatever is wrong with one, it serves on and others follow.
            self._failed[one.uid] = (bundle, self.clock.monotonic())
            LOGGER.error(
                "an index was not rebuilt and serves as it was",
                extra={
                    "knowledge_base": one.name,
                    "bundle": bundle,
                    "reason": str(error),
                    "remedy": f"it is tried again in {_PAUSE_S:.0f} s; `banyan kb rebuild --kb "
                    f"{one.name}` tries now, `banyan rollback {self.task}` undoes the promotion",
                },
                exc_info=None if isinstance(error, PlatformError) else error,
            )
            return
        self._failed.pop(one.uid, None)
        self._behind.discard(one.uid)

    async def _run(self) -> None:
        while True:
            try:
                await self.follow()
                self._error = None
            except PlatformError as error:
                if self._error is None:
                    LOGGER.warning("the champion is not known", extra={"reason": str(error)})
                self._error = str(error)
            except Exception:
                # The edge of the task: no fault of one round may end it.
                LOGGER.exception("indexes do not follow the champion")
                self._error = "an error that the log shows"
            await asyncio.sleep(self.check_s)
