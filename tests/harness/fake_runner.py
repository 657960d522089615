"""A model that counts letters, for tests of everything around the model."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from shared.artifacts.aliases import CHAMPION
from shared.errors import ArtifactError, TextTooLongError
from shared.models.backbones.further import BackboneState
from shared.models.backbones.prefixes import NO_PREFIXES, Prefixes
from shared.models.bundle import (
    BACKBONE_FOLDER,
    HEAD_FILE,
    MODEL,
    BackboneRef,
    Bundle,
    Manifest,
    Method,
)
from shared.models.registry import Registry
from shared.models.rows import Row, RowResult, Tokenized
from shared.models.tasks import (
    EMBED_TASK,
    ClassifyOutput,
    EmbedOutput,
    ScoreOutput,
    TaskCall,
    TaskKind,
    TaskOutput,
)

BACKBONE_SHA256 = "0" * 64
FURTHER_SHA256 = "e" * 64
MAX_LENGTH = 128
LABELS = ("short", "long")


@dataclass
class FakeRunner:
    """A letter is a token. `gate` holds every batch up until it is set; `failing` breaks them.

    `layers` is how often `between_layers` is called; `batches` logs the texts of each batch in
    the order in which the batches ended.
    """

    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    layers: int = 2
    failing: bool = False
    is_further_loaded: bool = False
    batches: list[list[str]] = field(default_factory=list)
    bundles: dict[str, Bundle] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def backbones(self) -> tuple[BackboneState, ...]:
        first = BackboneState(
            "en", "fake", BACKBONE_SHA256, NO_PREFIXES, EMBED_TASK, memory_bytes=1, loaded_in_s=None
        )
        further = BackboneState(
            "zh",
            "further",
            FURTHER_SHA256,
            NO_PREFIXES,
            f"{EMBED_TASK}-zh",
            memory_bytes=2 if self.is_further_loaded else None,
            loaded_in_s=0.5 if self.is_further_loaded else None,
        )
        return first, further

    def defers(self, bundle: Bundle) -> bool:
        return bundle.manifest.backbone.sha256 == FURTHER_SHA256 and not self.is_further_loaded

    def reads(self, bundle: Bundle) -> bool:
        return bundle.manifest.backbone.sha256 in (BACKBONE_SHA256, FURTHER_SHA256)

    def load(self, bundle: Bundle) -> None:
        self.is_further_loaded |= bundle.manifest.backbone.sha256 == FURTHER_SHA256
        if bundle.manifest.backbone.sha256 not in (BACKBONE_SHA256, FURTHER_SHA256):
            raise ArtifactError(f"{bundle.id} was made for another backbone: train it again")
        self.bundles[bundle.id] = bundle

    def unload(self, bundle_id: str) -> None:
        del self.bundles[bundle_id]

    def tokenize(self, bundle_id: str, call: TaskCall) -> Tokenized:
        rows = []
        manifest = self.bundles[bundle_id].manifest
        prefix = manifest.prefixes.of(call.input_type, manifest.task)
        for index, text in enumerate(call.inputs):
            letters = prefix + (text if isinstance(text, str) else "".join(text))
            if len(letters) > MAX_LENGTH and not call.truncate:
                reason = f"{len(letters)} tokens, at most {MAX_LENGTH} are read: split it"
                raise TextTooLongError(reason, index=index)
            ids = np.asarray([ord(letter) for letter in letters[:MAX_LENGTH]], np.int64)
            rows.append(Row(bundle_id, ids, None))
        # As the shipped backbone: it reads no Chinese.
        unread = [float(any("\u4e00" <= each <= "\u9fff" for each in row)) for row in call.inputs]
        shares = np.array(unread, np.float32) if any(unread) else None
        return Tokenized(bundle_id, manifest.kind, rows, unread=shares)

    def run(
        self, rows: Sequence[Row], between_layers: Callable[[], None] | None = None
    ) -> list[RowResult]:
        self.entered.release()
        for _ in range(self.layers):
            assert self.gate.wait(60)
            if between_layers:
                between_layers()
        if self.failing:
            raise RuntimeError("no such operator")
        self.batches.append(["".join(map(chr, row.input_ids)) for row in rows])
        return [np.asarray([row.tokens], np.float32) for row in rows]

    def assemble(self, tokenized: Tokenized, results: Sequence[RowResult]) -> TaskOutput:
        bundle_id, tokens = tokenized.bundle_id, tokenized.tokens
        letters = np.concatenate([np.zeros(0, np.float32), *results])
        match tokenized.kind:
            case TaskKind.EMBED:
                vectors = np.stack([letters, np.ones_like(letters)], axis=1)
                return EmbedOutput(bundle_id, tokens, vectors, tokenized.unread)
            case TaskKind.CLASSIFY:
                long = 1 - np.exp(-letters / 10)
                probabilities = np.stack([1 - long, long], axis=1, dtype=np.float32)
                return ClassifyOutput(bundle_id, tokens, LABELS, probabilities)
            case _:
                return ScoreOutput(bundle_id, tokens, np.reciprocal(1 + letters))


def make_bundle(
    registry: Registry,
    task: str,
    kind: TaskKind = TaskKind.EMBED,
    *,
    seed: str = "a",
    backbone_sha256: str = BACKBONE_SHA256,
    prefixes: Prefixes = NO_PREFIXES,
    champion: bool = True,
) -> Bundle:
    """A bundle of the registry; another seed gives another id."""
    embeds = kind is TaskKind.EMBED
    manifest = Manifest(
        task=task,
        kind=kind,
        method=Method.NONE if embeds else Method.HEAD,
        backbone=BackboneRef(name="fake", sha256=backbone_sha256),
        tokenizer_sha256="1" * 64,
        max_length=MAX_LENGTH,
        prefixes=prefixes,
        labels=LABELS if kind is TaskKind.CLASSIFY else (),
        command=seed,
    )

    def write(folder: Path) -> None:
        if not embeds:
            (folder / HEAD_FILE).write_text(seed)

    return _register(registry, manifest, write, champion=champion)


def make_full_bundle(
    registry: Registry, task: str, *, seed: str = "a", champion: bool = True
) -> Bundle:
    """A bundle of kind `embed` with its own backbone, another one for another seed."""
    manifest = Manifest(
        task=task,
        kind=TaskKind.EMBED,
        method=Method.FULL,
        backbone=BackboneRef(name="fake", sha256=BACKBONE_SHA256),
        tokenizer_sha256="1" * 64,
        max_length=MAX_LENGTH,
    )

    def write(folder: Path) -> None:
        (folder / BACKBONE_FOLDER).mkdir()
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            (folder / BACKBONE_FOLDER / name).write_text(seed)

    return _register(registry, manifest, write, champion=champion)


def _register(
    registry: Registry, manifest: Manifest, write: Callable[[Path], None], *, champion: bool
) -> Bundle:
    bundle = MODEL.write(registry.root, manifest, write)
    if champion:
        registry.set_alias(manifest.task, CHAMPION, bundle.id)
    return bundle
