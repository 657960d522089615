"""Snapshots of the rankings, so that a process that starts applies only the events after one."""

import logging
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from services.recommendation.metrics import RANKING_SNAPSHOT
from services.recommendation.reading import FeedbackReader
from shared.artifacts.versions import VersionedFolder
from shared.errors import ArtifactError, PlatformError
from shared.ranking.saved_arrays import Arrays
from shared.ranking.settings import StateSettings
from shared.ranking.snapshot_files import Snapshot, SnapshotManifest, read_snapshot, write_snapshot
from shared.storage.identifiers import new_id

LOGGER = logging.getLogger(__name__)


class Snapshots:
    """Saves and loads; nothing is lost where either fails, since the events are there.

    A snapshot is used where the database has the very event up to which it was made.
    """

    def __init__(
        self, folder: Path, reader: FeedbackReader, settings: StateSettings, every: int
    ) -> None:
        self._versions = VersionedFolder(folder, SnapshotManifest)
        self._reader = reader
        self._settings = settings
        self._every = every
        self._saved_seq = 0
        self._on_disk_seq = 0
        self._saving: threading.Thread | None = None

    @property
    def on_disk_seq(self) -> int:
        """The number of the last event that is in a snapshot on disk; 0 without one."""
        return self._on_disk_seq

    def is_due(self, seq: int) -> bool:
        """Whether so many events were applied since the last snapshot that one should be made."""
        busy = self._saving is not None and self._saving.is_alive()
        return seq - self._saved_seq >= self._every and not busy

    def load(self) -> Snapshot | None:
        """The newest snapshot of this database; None without one that can be used.

        Raises:
            DependencyError: the database does not answer.
        """
        try:
            snapshot = self._versions.read(partial(read_snapshot, self._settings))
            if snapshot is not None and self._reader.source_of(snapshot.seq) != snapshot.source:
                raise ArtifactError("the snapshot is of another database, or of deleted events")
        except (ArtifactError, OSError) as error:
            self.discard(error)
            return None
        if snapshot is not None:
            self._saved_seq = self._on_disk_seq = snapshot.seq
        return snapshot

    def discard(self, error: Exception) -> None:
        """Says that a snapshot is of no use; the next one takes its place."""
        self._saved_seq = self._on_disk_seq = 0
        LOGGER.warning("the rankings are made from all stored events", extra={"reason": str(error)})

    def save(self, seq: int, states: Mapping[str, Arrays]) -> None:
        """Writes the states up to an event, on its own thread."""
        self._saved_seq = seq
        self._saving = threading.Thread(
            target=self._write, args=(seq, states), name="ranking-snapshot", daemon=True
        )
        self._saving.start()

    def wait(self, timeout_s: float) -> None:
        """Waits for the one that is being written."""
        if self._saving is not None:
            self._saving.join(timeout_s)

    def _write(self, seq: int, states: Mapping[str, Arrays]) -> None:
        try:
            source = self._reader.source_of(seq)
            if source is None:
                raise ArtifactError(f"the event {seq} is not kept any more")
            snapshot = Snapshot(seq, source, states)
            self._versions.write(new_id(), partial(write_snapshot, snapshot, self._settings))
            self._on_disk_seq = seq
            RANKING_SNAPSHOT.set(seq)
        except (OSError, PlatformError) as error:
            LOGGER.error("a snapshot was not saved", extra={"reason": str(error)})
