"""Items' texts on their way to vectors: embedded by the trunk when nobody waits for it."""

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from services.recommendation.items import ItemKey
from services.recommendation.metrics import ITEMS_WITHOUT_VECTOR
from services.recommendation.rankings.champions import Champions, encode
from services.recommendation.rankings.follower import Follower
from services.recommendation.rankings.rankings import Rankings
from services.recommendation.rankings.vectors import (
    Bundle,
    ItemText,
    TenantVectors,
    VectorStore,
    by_tenant,
)
from shared.errors import NotFoundError, PlatformError
from shared.models.tasks import Float32s, Priority
from shared.serving.trunk import Trunk
from shared.shielded import in_thread

LOGGER = logging.getLogger(__name__)

_TEXTS_A_CALL = 128
_TEXT_CHARS = 8_000
"""The trunk reads the beginning of a long text: what lies far behind it is not even sent."""

_RETRY_FIRST_S = 0.2
_RETRY_MAX_S = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the items with a text a bundle has embedded; `serving` is the one that serves."""

    bundle: str
    serving: str
    done: int
    total: int

    def __str__(self) -> str:
        share = 100 * self.done // max(self.total, self.done, 1)
        until = (
            "others are ranked without their text"
            if self.bundle == self.serving
            else (f"{self.serving} serves")
        )
        return f"embedding {share} % of {self.total} items with {self.bundle}; until then {until}"


class ItemEmbedder:
    """A task of the replica's loop that gives every item with a text its vector.

    New items are embedded as soon as rankings know of them, by the bundle that made the vectors
    that serve. When another bundle has become the champion (also by another language of the items,
    see `Champions`), its vectors are stored beside the old
    ones, which serve until the last one is there; what comes meanwhile is embedded by both. Then
    the new bundle is noted as the one that serves, every process takes its vectors at once, and
    the old ones are deleted. A process that is killed on the way goes on where it was.

    It looks for another champion every `check_s`.
    """

    def __init__(
        self,
        trunk: Trunk,
        champions: Champions,
        store: VectorStore,
        follower: Follower,
        renewed: Callable[[Bundle], Rankings],
        *,
        timeout_s: float,
        check_s: float,
    ) -> None:
        self._trunk = trunk
        self._champions = champions
        self._store = store
        self._follower = follower
        self._renewed = renewed
        self._timeout_s = timeout_s
        self._check_s = check_s
        self._loop = asyncio.get_running_loop()
        self._pending: dict[ItemKey, None] = {}
        self._woken = asyncio.Event()
        self._checked_s = self._loop.time()
        self._scanned = ""
        self._error: str | None = None
        self._progress: Progress | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether its task runs."""
        return self._task is not None and not self._task.done()

    @property
    def error(self) -> str | None:
        """Why items wait for their vectors; None where nothing is wrong."""
        return self._error

    @property
    def progress(self) -> Progress | None:
        """How far the items are that are being embedded; None where all are, but for new ones."""
        return self._progress

    def start(self) -> None:
        """Starts the task."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends the task; what was not embedded is found at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def notice(self, keys: Sequence[ItemKey]) -> None:
        """These items have come or changed; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._add, keys)

    def _add(self, keys: Iterable[ItemKey]) -> None:
        self._pending.update(dict.fromkeys(keys))
        ITEMS_WITHOUT_VECTOR.set(len(self._pending))
        self._woken.set()

    async def _run(self) -> None:
        retry_s = _RETRY_FIRST_S
        while True:
            try:
                await self._follow_store()
                await self._follow_champion()
                bundle = self._follower.rankings.bundle
                if self._scanned != bundle:
                    # What an earlier process did not come to.
                    await self._embed_all(bundle)
                    self._scanned = bundle
                await self._embed_pending([bundle])
            except PlatformError as error:
                if self._error is None:
                    LOGGER.warning("items wait for their vectors", extra={"reason": str(error)})
                self._error = str(error)
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, _RETRY_MAX_S)
                continue
            self._error, retry_s = None, _RETRY_FIRST_S
            await self._wait()

    async def _wait(self) -> None:
        self._woken.clear()
        if self._pending:
            return
        try:
            async with asyncio.timeout(self._check_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _embed_pending(self, bundles: Sequence[str]) -> None:
        """Embeds what has come by each of some bundles."""
        while self._pending:
            # Taken out first: a text that changes while it is embedded comes in again.
            keys = list(self._pending)[:_TEXTS_A_CALL]
            for key in keys:
                del self._pending[key]
            try:
                for bundle in bundles:
                    await self._embed_missing(bundle, keys)
            except BaseException:
                self._add(keys)
                raise
            ITEMS_WITHOUT_VECTOR.set(len(self._pending))

    async def _embed_all(self, bundle: str) -> bool:
        """Embeds what has no vector of a bundle; False if another champion has come before."""
        total = await in_thread(self._store.text_count)
        done = 0
        after: ItemKey | None = ("", "")
        try:
            while after is not None:
                found, after = await in_thread(self._store.page, bundle, after)
                rankings = self._follower.rankings
                if rankings.bundle == bundle:
                    self._add(key for key in found.ready if not rankings.has_vector(key))
                done += len(found.ready)
                for start in range(0, len(found.missing), _TEXTS_A_CALL):
                    self._progress = Progress(bundle, rankings.bundle, done, total)
                    part = found.missing[start : start + _TEXTS_A_CALL]
                    await self._embed_missing(bundle, [one.key for one in part])
                    done += len(part)
                    if rankings.bundle == bundle:
                        continue
                    if self._pending:
                        both = [*await self._loadable(rankings.bundle), bundle]
                        await self._embed_pending(both)
                    if self._is_check_due and (await self._champion()).id != bundle:
                        return False
        finally:
            self._progress = None
        return True

    async def _embed_missing(self, bundle: str, keys: Sequence[ItemKey]) -> None:
        """Gives these items their vectors, embedding those that nobody has embedded yet."""
        async with self._store.turn():
            # Another process, or an earlier event with this text, may have had it embedded.
            found = await in_thread(self._store.standing, keys, bundle)
            await self._embed(bundle, found.missing)
        ready = await in_thread(self._store.vectors_of, found.ready, bundle)
        await in_thread(self._show, bundle, ready)

    async def _embed(self, bundle: str, items: Sequence[ItemText]) -> None:
        if not items:
            return
        texts = [one.text[:_TEXT_CHARS] for one in items]
        try:
            output = await encode(self._trunk, bundle, texts, Priority.BULK, self._timeout_s)
        except NotFoundError:
            # Of another trunk: the champion's turn comes at once, and embeds these too.
            self._checked_s = -math.inf
            raise
        vectors = _unit(output.vectors)
        await in_thread(self._store.put, bundle, items, vectors)
        await in_thread(self._show, bundle, list(by_tenant([one.key for one in items], vectors)))

    def _show(self, bundle: str, found: Sequence[TenantVectors]) -> None:
        rankings = self._follower.rankings
        if rankings.bundle == bundle:
            for one in found:
                rankings.set_vectors(one)
            if rankings.needs_indexes:
                # On another thread: new items get their vectors meanwhile.
                threading.Thread(target=rankings.rebuild_indexes, daemon=True).start()

    async def _follow_store(self) -> None:
        """Takes the vectors of the bundle that is noted, whichever process had them embedded."""
        serving = await in_thread(self._store.serving)
        if serving is not None and serving.id != self._follower.rankings.bundle:
            await in_thread(self._follower.replace, self._renewed(serving))
            LOGGER.info("the items' vectors are of another bundle", extra={"bundle": serving.id})

    async def _follow_champion(self) -> None:
        if not self._is_check_due:
            return
        bundle = await self._champion()
        if bundle.id != self._follower.rankings.bundle:
            LOGGER.info("all items are embedded again", extra={"bundle": bundle.id})
            if not await self._embed_all(bundle.id):
                return
            await in_thread(self._store.serve, bundle)
            await self._follow_store()
        await self._delete_others(bundle.id)

    @property
    def _is_check_due(self) -> bool:
        return self._loop.time() - self._checked_s >= self._check_s

    async def _champion(self) -> Bundle:
        found = await self._champions.now(self._timeout_s)
        self._checked_s = self._loop.time()
        return found

    async def _loadable(self, bundle: str) -> list[str]:
        """The bundle, or none where the trunk cannot load it, as after a change of its backbone."""
        try:
            await encode(self._trunk, bundle, ["a"], Priority.BULK, self._timeout_s)
        except NotFoundError:
            return []
        return [bundle]

    async def _delete_others(self, bundle: str) -> None:
        """Deletes the vectors of bundles that neither serve nor will."""
        for other in await in_thread(self._store.bundles):
            if other != bundle:
                LOGGER.info("vectors of a former bundle are deleted", extra={"bundle": other})
                while await in_thread(self._store.delete_some, other):
                    pass


def _unit(vectors: Float32s) -> Float32s:
    """Vectors [n, d] of length 1; a vector of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float32s = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return unit
