"""Several backbones in one process: the first, further ones, and one for each `full` bundle."""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from shared.errors import ArtifactError, ConfigError, NotFoundError
from shared.memory import resident_bytes
from shared.models.backbone import Backbone
from shared.models.backbones.further import BackboneState, Further
from shared.models.backbones.token_table import leave_large_table
from shared.models.bundle import BACKBONE_FOLDER, Bundle, Method, own_backbone_sha256
from shared.models.engine import BetweenLayers
from shared.models.lora import merge, read_adapter
from shared.models.rows import Row, RowResult, Tokenized
from shared.models.runner import Runner
from shared.models.source import locate_folder
from shared.models.tasks import EMBED_TASK, TaskCall, TaskKind, TaskOutput

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Base:
    """A backbone that bundles are made for, with those that change nothing in its weights."""

    backbone: Backbone
    runner: Runner
    memory_bytes: int
    loaded_in_s: float | None = None


class Runners:
    """A `Runner` for each backbone: the first one, further ones, and those that bundles are.

    `load` and `unload` are called by one thread at a time, everything else by any number. A
    `further` backbone is read when a bundle on it is first loaded, and stays. Bundles whose own
    backbones have the same weights share one, which goes with its last bundle. The adapters of the
    tasks `merged` are added to the weights of copies of their backbones: rows of such a task are
    computed faster, in their own batches. `language` is what the first backbone reads.
    """

    def __init__(
        self,
        backbone: Backbone,
        merged: Collection[str] = (),
        further: Sequence[Further] = (),
        *,
        language: str = "en",
    ) -> None:
        self._first = _Base(backbone, Runner(backbone), backbone.memory_bytes)
        self._merged = frozenset(merged)
        self._language = language
        self._further = _by_weights(backbone, further)
        self._bases = {backbone.sha256: self._first}
        self._own: dict[str, Runner] = {}
        self._runner_of: dict[str, Runner] = {}

    @property
    def backbones(self) -> tuple[BackboneState, ...]:
        """The first backbone and the further ones, loaded or not."""
        first = self._first.backbone
        states = [
            BackboneState(
                self._language,
                first.name,
                first.sha256,
                first.prefixes,
                EMBED_TASK,
                self._first.memory_bytes,
                None,
            )
        ]
        for each in self._further.values():
            base = self._bases.get(each.sha256)
            states.append(
                BackboneState(
                    each.key,
                    each.name,
                    each.sha256,
                    each.prefixes,
                    each.embed_task,
                    None if base is None else base.memory_bytes,
                    None if base is None else base.loaded_in_s,
                )
            )
        return tuple(states)

    def defers(self, bundle: Bundle) -> bool:
        """Whether the bundle is on a further backbone that nobody needed yet."""
        sha256 = bundle.manifest.backbone.sha256
        is_on_it = bundle.manifest.method is not Method.FULL
        return is_on_it and sha256 in self._further and sha256 not in self._bases

    def reads(self, bundle: Bundle) -> bool:
        """Whether the bundle's backbone is one of these, or its own."""
        manifest = bundle.manifest
        known = {self._first.backbone.sha256, *self._further}
        return manifest.method is Method.FULL or manifest.backbone.sha256 in known

    def load(self, bundle: Bundle) -> None:
        """Makes a bundle runnable; one with its own backbone takes a second or more.

        Raises:
            ArtifactError: the bundle was made for another backbone or tokenizer (the message says
                what to rebuild), or a part of it is malformed.
        """
        own = self._own_name(bundle)
        if own is None:
            runner = self._base(bundle).runner
        else:
            runner = self._own.get(own) or self._make(bundle)
        runner.load(bundle)
        if own is not None:
            self._own[own] = runner
        self._runner_of[bundle.id] = runner

    def unload(self, bundle_id: str) -> None:
        """Forgets a bundle, if it is loaded, and its own backbone where no other one is on it."""
        runner = self._runner_of.pop(bundle_id, None)
        if runner is None:
            return
        runner.unload(bundle_id)
        own = {name for name, each in self._own.items() if each is runner}
        if own and runner not in self._runner_of.values():
            self._own = {name: each for name, each in self._own.items() if name not in own}
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
        """What names a bundle's own backbone; None where it runs on one that others share."""
        return bundle.id if self._is_merged(bundle) else own_backbone_sha256(bundle.manifest)

    def _base(self, bundle: Bundle) -> _Base:
        """The backbone that a bundle says it is made for; the first one refuses other bundles."""
        sha256 = bundle.manifest.backbone.sha256
        further = self._further.get(sha256)
        if further is not None and sha256 not in self._bases:
            self._bases[sha256] = _read_further(further)
        return self._bases.get(sha256, self._first)

    def _make(self, bundle: Bundle) -> Runner:
        if not self._is_merged(bundle):
            return Runner(self._read(bundle))
        base = self._base(bundle)
        base.runner.check(bundle)
        adapter = read_adapter(bundle.folder, base.runner.layers)
        encoder = merge(base.backbone.encoder, adapter.to(base.backbone.device, torch.float32))
        return Runner(base.backbone.with_encoder(encoder), merged=True)

    def _read(self, bundle: Bundle) -> Backbone:
        """A bundle's own backbone, where and as precise as the first one."""
        folder = (bundle.folder / BACKBONE_FOLDER).resolve()
        files = locate_folder(folder, bundle.id, bundle.manifest.prefixes)
        if files.sha256 != own_backbone_sha256(bundle.manifest):
            raise ArtifactError(
                f"{files.folder} has changed since it was verified: restore or train {bundle.id} "
                "again"
            )
        first = self._first.backbone
        own = Backbone(files, first.device, first.precision)
        LOGGER.info(
            "a bundle's own backbone is loaded",
            extra={"bundle": bundle.id, "sha256": own.sha256, "bytes": own.memory_bytes},
        )
        return own


def _by_weights(first: Backbone, further: Sequence[Further]) -> dict[str, Further]:
    """Further backbones by the hash of their weights, by which bundles name theirs."""
    keys = {first.sha256: "backbone"}
    for each in further:
        if other := keys.get(each.sha256):
            raise ConfigError(
                f"backbones.{each.key} has the same weights as {other} ({each.sha256[:12]}): "
                "remove one of the two"
            )
        keys[each.sha256] = f"backbones.{each.key}"
    return {each.sha256: each for each in further}


def _read_further(further: Further) -> _Base:
    begun_s, before = time.perf_counter(), resident_bytes()
    backbone = Backbone.load(further.config)
    if (backbone.sha256, backbone.tokenizer_sha256) != (
        further.sha256,
        further.tokenizer_sha256,
    ):
        raise ArtifactError(
            f"backbones.{further.key}: {backbone.folder} has changed since the trunk started: "
            "restart it to serve what lies there now"
        )
    leave_large_table(backbone)
    runner = Runner(backbone)
    took_s = time.perf_counter() - begun_s
    taken = max(backbone.memory_bytes, resident_bytes() - before)
    LOGGER.info(
        "a further backbone is loaded",
        extra={
            "backbone": backbone.name,
            "language": further.key,
            "sha256": backbone.sha256,
            "prefixes": backbone.prefixes.model_dump(),
            "device": str(backbone.device),
            "precision": str(backbone.precision),
            "bytes": taken,
            "seconds": round(took_s, 2),
        },
    )
    return _Base(backbone, runner, taken, took_s)
