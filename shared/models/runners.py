"""Several backbones in one process: the trunk's own, and one for each `full` bundle's."""

import logging
from collections.abc import Sequence

from shared.errors import ArtifactError, NotFoundError
from shared.models.backbone import Backbone
from shared.models.bundle import BACKBONE_FOLDER, Bundle, own_backbone_sha256
from shared.models.engine import BetweenLayers
from shared.models.rows import Row, RowResult, Tokenized
from shared.models.runner import Runner
from shared.models.source import locate_folder
from shared.models.tasks import TaskCall, TaskKind, TaskOutput

LOGGER = logging.getLogger(__name__)


class Runners:
    """A `Runner` for the first backbone, and for each other one that a loaded bundle is.

    `load` and `unload` are called by one thread at a time, everything else by any number. Bundles
    whose own backbones have the same weights share one. A backbone goes with its last bundle.
    """

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self._first = Runner(backbone)
        self._own: dict[str, Runner] = {}
        self._runner_of: dict[str, Runner] = {}

    def load(self, bundle: Bundle) -> None:
        """Makes a bundle runnable; one with its own backbone takes a second or more.

        Raises:
            ArtifactError: the bundle was made for another backbone or tokenizer (the message says
                what to rebuild), or a part of it is malformed.
        """
        sha256 = own_backbone_sha256(bundle.manifest)
        runner = self._first if sha256 is None else self._own.get(sha256)
        if runner is None:
            runner = Runner(self._read(bundle))
        runner.load(bundle)
        if sha256 is not None:
            self._own[sha256] = runner
        self._runner_of[bundle.id] = runner

    def unload(self, bundle_id: str) -> None:
        """Forgets a bundle, if it is loaded, and its backbone where no other bundle is on it."""
        runner = self._runner_of.pop(bundle_id, None)
        if runner is None:
            return
        runner.unload(bundle_id)
        if runner is not self._first and runner not in self._runner_of.values():
            self._own = {sha256: own for sha256, own in self._own.items() if own is not runner}
            runner.close()

    def info(self, bundle_id: str) -> tuple[TaskKind, tuple[str, ...]]:
        """See `Runner.info`."""
        return self._find(bundle_id).info(bundle_id)

    def tokenize(self, bundle_id: str, call: TaskCall) -> Tokenized:
        """See `Runner.tokenize`."""
        return self._find(bundle_id).tokenize(bundle_id, call)

    def run(
        self, rows: Sequence[Row], between_layers: BetweenLayers | None = None
    ) -> list[RowResult]:
        """See `Runner.run`; `between_layers` may run rows of any backbone."""
        return self._find(rows[0].bundle_id).run(rows, between_layers) if rows else []

    def assemble(self, tokenized: Tokenized, results: Sequence[RowResult]) -> TaskOutput:
        """See `Runner.assemble`."""
        return self._find(tokenized.bundle_id).assemble(tokenized, results)

    def _find(self, bundle_id: str) -> Runner:
        runner = self._runner_of.get(bundle_id)
        if runner is None:
            raise NotFoundError(f"the bundle {bundle_id[:100]!r} is not loaded")
        return runner

    def _read(self, bundle: Bundle) -> Backbone:
        """A bundle's own backbone, where and as precise as the first one."""
        files = locate_folder((bundle.folder / BACKBONE_FOLDER).resolve(), bundle.id)
        if files.sha256 != own_backbone_sha256(bundle.manifest):
            raise ArtifactError(
                f"{files.folder} has changed since it was verified: restore or train {bundle.id} "
                "again"
            )
        own = Backbone(files, self._backbone.device, self._backbone.precision)
        LOGGER.info(
            "a bundle's own backbone is loaded",
            extra={"bundle": bundle.id, "sha256": own.sha256, "bytes": own.memory_bytes},
        )
        return own
