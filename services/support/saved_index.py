"""The index of one knowledge base on disk, from which the next start goes on."""

import asyncio
import logging
import shutil
from functools import partial
from pathlib import Path

from shared.artifacts.versions import VersionedFolder
from shared.errors import ArtifactError
from shared.retrieval.index import Index
from shared.retrieval.index_files import IndexManifest, read_index, write_index
from shared.shielded import to_the_end
from shared.storage.identifiers import new_id

LOGGER = logging.getLogger(__name__)


class SavedIndex:
    """Loads and saves; nothing is lost where either fails, since an index is derived."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._versions = VersionedFolder(folder, IndexManifest)
        self._name = name
        self._saving = asyncio.Lock()
        self._saved: tuple[str, int] | None = None
        self._is_discarded = False

    def has(self, index: Index) -> bool:
        """Whether this process loaded or saved an index of this bundle and version last."""
        return self._saved == (index.bundle, index.version)

    async def bundle(self) -> str | None:
        """The bundle that made the index on disk; None without one that can be read."""
        try:
            newest = await asyncio.to_thread(self._versions.manifest)
        except (ArtifactError, OSError):
            return None
        return None if newest is None else newest.bundle

    async def load(self) -> Index | None:
        """The index on disk; None without one that can be read."""
        try:
            index = await asyncio.to_thread(self._versions.read, read_index)
        except (ArtifactError, OSError) as error:
            LOGGER.warning(
                "an index is rebuilt", extra={"knowledge_base": self._name, "reason": str(error)}
            )
            return None
        if index is not None:
            self._saved = (index.bundle, index.version)
        return index

    async def save(self, index: Index, *, over_others: bool = False) -> None:
        """Writes an index that is not on disk yet.

        One that another process had another bundle make meanwhile stays, unless `over_others`: a
        replica that has not followed a champion yet must not put its old index back.
        """
        async with self._saving:
            if not self.has(index) and not self._is_discarded:
                await to_the_end(self._save(index, over_others))

    async def discard(self) -> None:
        """Deletes it, after a save that is under way; none follows."""
        async with self._saving:
            self._is_discarded = True
            await asyncio.to_thread(shutil.rmtree, self._folder, True)

    async def _save(self, index: Index, over_others: bool) -> None:
        try:
            await asyncio.to_thread(self._write, index, over_others)
        except OSError as error:
            # Nothing is lost: the next start embeds again what the saved index does not have.
            LOGGER.error(
                "an index was not saved", extra={"knowledge_base": self._name, "reason": str(error)}
            )
        self._saved = (index.bundle, index.version)

    def _write(self, index: Index, over_others: bool) -> None:
        mine = {index.bundle, self._saved and self._saved[0]}
        self._versions.write(
            new_id(),
            partial(write_index, index),
            may_replace=None if over_others else lambda newest: newest.bundle in mine,
        )
