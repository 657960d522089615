"""One knowledge base while it serves: its index follows every write before it is acknowledged."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from services.support.config import SupportSettings
from services.support.documents import (
    Document,
    DocumentStore,
    KnowledgeBaseRecord,
    StoredDocument,
)
from services.support.open_indexes import OpenIndexes
from services.support.passages import Embedder
from services.support.saved_index import SavedIndex
from shared.clock import Clock
from shared.errors import NotFoundError
from shared.models.tasks import Priority
from shared.retrieval.entries import Embedded
from shared.retrieval.index import Index
from shared.shielded import to_the_end
from shared.text.language import Language, language_of_all

_CATCH_UP_DOCUMENTS = 200
_SAVE_AT_LATEST_S = 60.0
_SAMPLE = 50
_SAMPLE_CHARACTERS = 1000

_PASSES_BESIDE = 2
"""The second embeds what was written during the first, so that little is left for the last, for
which writes wait."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every knowledge base of a process works with."""

    store: DocumentStore
    embedder: Embedder
    clock: Clock
    settings: SupportSettings
    open_indexes: OpenIndexes

    async def champion(self, language: Language | None) -> tuple[str, int]:
        """The bundle that embeds texts of a language now, and its vectors' width."""
        own = await self.champion_of(language)
        return own or await self.embedder.bundle(self.settings.embed_task)

    async def champion_of(self, language: Language | None) -> tuple[str, int] | None:
        """The same where the language has a task that the trunk knows; None otherwise."""
        task = None if language is None else self.settings.embed_tasks.get(language)
        return None if task is None else await self.embedder.find_bundle(task)


class KnowledgeBase:
    """The documents are in the database; the index is derived and held in memory.

    A write embeds first, then commits and swaps the index under one lock, then is acknowledged:
    a search that begins afterwards sees it, and a process killed at any moment loses nothing that
    was acknowledged. Searches hold no lock: an index never changes.
    """

    def __init__(self, record: KnowledgeBaseRecord, around: Surroundings) -> None:
        self.uid = record.uid
        self.name = record.name
        self._around = around
        self._saved = SavedIndex(around.settings.index_dir / record.uid, record.name)
        self.is_deleted = False
        self._index: Index | None = None
        self._loading = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._checked_s = float("-inf")
        self._saver: asyncio.Task[None] | None = None
        self._language: tuple[int, Language | None] = (-1, None)

    async def language(self) -> Language | None:
        """What was stated, or what most of its first documents are in; None where there are none.

        Raises:
            NotFoundError: the knowledge base was deleted.
        """
        store = self._around.store
        try:
            stated = await asyncio.to_thread(store.stated_language, self.uid)
            if stated is not None:
                return stated
            version = await asyncio.to_thread(store.version, self.uid)
        except NotFoundError:
            self.is_deleted = True
            raise
        if self._language[0] != version:
            texts = await asyncio.to_thread(store.sample, self.uid, _SAMPLE, _SAMPLE_CHARACTERS)
            self._language = (version, language_of_all(texts))
        return self._language[1]

    async def index(self) -> Index:
        """The index of everything that was acknowledged.

        Raises:
            ArtifactError: the trunk does not have the bundle that made the index.
            DependencyError: the database or the trunk does not answer.
            NotFoundError: the knowledge base was deleted.
        """
        index = self._index
        if index is None or self._is_stale():
            index = await self._current()
        self._around.open_indexes.used(self, index)
        return index

    async def _current(self) -> Index:
        """The index in memory, read from disk if need be and brought to the database's state."""
        async with self._loading:
            if self._index is None or self._is_stale():
                start = self._index or await self._load()
                async with self._writing:
                    self._index = await self._catch_up(self._index or start)
                self._checked_s = self._around.clock.monotonic()
                self._save_later()
            return self._index

    async def put(self, documents: Sequence[Document]) -> int:
        """Writes documents, each in the place of the one with its id; returns the new version."""
        stored = [StoredDocument(document, 0, 0.0) for document in documents]
        while True:
            index = await self.index()
            if not index.entries:
                index = await self._begun(index, documents)
            embedded = await self._around.embedder.embed(stored, index.bundle)
            async with self._writing:
                if self._index is not None and self._index.bundle == index.bundle:
                    return await to_the_end(self._commit_put(documents, embedded))

    async def delete(self, document_id: str) -> int:
        """Deletes a document and returns the new version.

        Raises:
            NotFoundError: there is no such document.
        """
        await self.index()
        async with self._writing:
            return await to_the_end(self._commit_delete(document_id))

    async def rebuild(self) -> Index:
        """Embeds everything with the present champion, beside the old index, then swaps."""
        bundle, width = await self._around.champion(await self.language())
        index = await self._swap_in(Index.empty(bundle, width))
        self._save_later()
        return index

    async def bundle(self) -> str | None:
        """The bundle that made the index; None where there is none yet, or it cannot be read."""
        index = self._index
        return await self._saved.bundle() if index is None else index.bundle

    async def follow(self, bundle: str, width: int) -> bool:
        """Lets this bundle make the index if another one did; returns whether it did so now.

        The new index is made beside the old one, swapped in and saved. Where replicas share a
        disk, the first of them embeds, and the others take what it saved. An index that was not
        in memory does not stay there.
        """
        if await self.bundle() in (bundle, None):
            return False
        was_loaded = self._index is not None
        async with self._around.store.rebuilding():
            saved = await self._saved.load() if await self._saved.bundle() == bundle else None
            index = await self._swap_in(saved or Index.empty(bundle, width))
            await self._saved.save(index, over_others=True)
        if not was_loaded:
            await self.unload()
        return True

    async def discard(self) -> None:
        """Forgets the index of a knowledge base that was deleted."""
        if self._saver is not None:
            self._saver.cancel()
        self.is_deleted = True
        self._around.open_indexes.forget(self.uid)
        await self._saved.discard()

    async def close(self) -> None:
        """Saves what is not saved yet."""
        if self._saver is not None:
            self._saver.cancel()
        if self._index is not None:
            await self._saved.save(self._index)

    def _is_stale(self) -> bool:
        """Whether another process may have written since this one looked."""
        around = self._around
        return (
            around.store.is_shared
            and around.clock.monotonic() - self._checked_s >= around.settings.refresh_s
        )

    async def _load(self) -> Index:
        """The index on disk, or an empty one for the present champion."""
        if (index := await self._saved.load()) is not None:
            return index
        bundle, width = await self._around.champion(await self.language())
        return Index.empty(bundle, width)

    async def _begun(self, index: Index, documents: Sequence[Document]) -> Index:
        """An index without documents, for the language stated, or of the first ones that come."""
        stated = await asyncio.to_thread(self._around.store.stated_language, self.uid)
        language = stated or language_of_all(f"{each.title} {each.text}" for each in documents)
        wanted = await self._around.champion_of(language)
        if wanted is None or wanted[0] == index.bundle:
            return index
        return await self._swap_in(Index.empty(*wanted))

    async def unload(self) -> bool:
        """Frees the index's memory if the disk has it; returns whether none is in memory.

        Whoever asks it now goes on; the next use reads it from disk.
        """
        # Under both locks: a request that reads the old index from disk meanwhile gets the new one.
        async with self._loading, self._writing:
            index = self._index
            if index is not None:
                await self._saved.save(index)
                if self._saved.has(index) and await self._saved.bundle() == index.bundle:
                    self._index = None
            return self._index is None

    async def _swap_in(self, beside: Index) -> Index:
        """Brings another index to the database's state while this one serves, then swaps."""
        for _ in range(_PASSES_BESIDE):
            beside = await self._catch_up(beside, Priority.BULK)
        async with self._writing:
            self._index = index = await self._catch_up(beside)
        return index

    async def _catch_up(self, index: Index, priority: Priority | None = None) -> Index:
        """Brings an index to the database's state; only documents that changed are embedded."""
        store, embed = self._around.store, self._around.embedder.embed
        try:
            if await asyncio.to_thread(store.version, self.uid) == index.version:
                return index
            version, versions = await asyncio.to_thread(store.versions, self.uid)
        except NotFoundError:
            self.is_deleted = True
            raise
        indexed = {entry.document_id: entry.version for entry in index.entries}
        changed = [key for key, at in versions.items() if indexed.get(key) != at]
        embedded: list[Embedded] = []
        for start in range(0, len(changed), _CATCH_UP_DOCUMENTS):
            ids = changed[start : start + _CATCH_UP_DOCUMENTS]
            documents = await asyncio.to_thread(store.fetch, self.uid, ids)
            embedded.extend(await embed(documents, index.bundle, priority, are_stored=True))
        removed = indexed.keys() - versions.keys()
        return await asyncio.to_thread(index.replaced, version, removed, embedded)

    async def _commit_put(self, documents: Sequence[Document], embedded: Sequence[Embedded]) -> int:
        store = self._around.store
        former = await asyncio.to_thread(store.former, self.uid, documents)
        version = await asyncio.to_thread(store.put, self.uid, documents, former)
        added = [replace(e, entry=replace(e.entry, version=version)) for e in embedded]
        await self._swap(version, set(former), added)
        return version

    async def _commit_delete(self, document_id: str) -> int:
        version = await asyncio.to_thread(self._around.store.delete, self.uid, document_id)
        await self._swap(version, {document_id}, ())
        return version

    async def _swap(
        self, version: int, removed: Collection[str], added: Sequence[Embedded]
    ) -> None:
        """Shows a committed write; where that fails, the next search reads the database again."""
        index = self._index
        if index is None:
            return
        try:
            if version == index.version + 1:
                self._index = await asyncio.to_thread(index.replaced, version, removed, added)
            else:
                self._index = await self._catch_up(index)
        except BaseException:
            self._index = None
            raise
        self._save_later()

    def _save_later(self) -> None:
        if self._saver is None or self._saver.done():
            self._saver = asyncio.create_task(self._save_when_settled())

    async def _save_when_settled(self) -> None:
        around = self._around
        begun_s = around.clock.monotonic()
        while (index := self._index) is not None and not self._saved.has(index):
            await asyncio.sleep(around.settings.save_after_s)
            late = around.clock.monotonic() - begun_s > _SAVE_AT_LATEST_S
            if index is self._index or late:
                await self._saved.save(index)
