"""Several backbones in one process: the trunk's own, and one for each `full` bundle's."""

import logging
from collections.abc import Collection, Sequence

import torch

from shared.errors import ArtifactError, NotFoundError
from shared.models.backbone import Backbone
from shared.models.bundle import BACKBONE_FOLDER, Bundle, Method, own_backbone_sha256
from shared.models.engine import BetweenLayers
from shared.models.lora import merge, read_adapter
from shared.models.rows import Row, RowResult, Tokenized
from shared.models.runner import Runner
from shared.models.source import locate_folder
from shared.models.tasks import TaskCall, TaskKind, TaskOutput

LOGGER = logging.getLogger(__name__)


class Runners:
    """A `Runner` for the first backbone, and for each other one that a loaded bundle is.

    `load` and `unload` are called by one thread at a time, everything else by any number. Bundles
    whose own backbones have the same weights share one. A backbone goes with its last bundle.
    The adapters of the tasks `merged` are added to the weights of copies of the first backbone:
    rows of such a task are computed faster, in their own batches.
    """

    def __init__(self, backbone: Backbone, merged: Collection[str] = ()) -> None:
        self._backbone = backbone
        self._merged = frozenset(merged)
        self._first = Runner(backbone)
        self._own: dict[str, Runner] = {}
        self._runner_of: dict[str, Runner] = {}

    def load(self, bundle: Bundle) -> None:
        """Makes a bundle runnable; one with its own backbone takes a second or more.

        Raises:
            ArtifactError: the bundle was made for another backbone or tokenizer (the message says
                what to rebuild), or a part of it is malformed.
        """
        own = self._own_name(bundle)
        runner = self._first if own is None else self._own.get(own)
        if runner is None:
            runner = self._make(bundle)
        runner.load(bundle)
        if own is not None:
            self._own[own] = runner
        self._runner_of[bundle.id] = runner

    def unload(self, bundle_id: str) -> None:
        """Forgets a bundle, if it is loaded, and its backbone where no other bundle is on it."""
        runner = self._runner_of.pop(bundle_id, None)
        if runner is None:
            return
        runner.unload(bundle_id)
        if runner is not self._first and runner not in self._runner_of.values():
            self._own = {name: own for name, own in self._own.items() if own is not runner}
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

    def _is_merged(self, bundle: Bundle) -> bool:
        return bundle.manifest.task in self._merged and bundle.manifest.method is Method.LORA

    def _own_name(self, bundle: Bundle) -> str | None:
        """What names a bundle's own backbone; None where it is on the first one."""
        return bundle.id if self._is_merged(bundle) else own_backbone_sha256(bundle.manifest)

    def _make(self, bundle: Bundle) -> Runner:
        if not self._is_merged(bundle):
            return Runner(self._read(bundle))
        self._first.check(bundle)
        adapter = read_adapter(bundle.folder, self._first.layers)
        encoder = merge(self._backbone.encoder, adapter.to(self._backbone.device, torch.float32))
        return Runner(self._backbone.with_encoder(encoder), merged=True)

    def _read(self, bundle: Bundle) -> Backbone:
        """A bundle's own backbone, where and as precise as the first one."""
        folder = (bundle.folder / BACKBONE_FOLDER).resolve()
        files = locate_folder(folder, bundle.id, bundle.manifest.prefixes)
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
