"""Runs tasks of all kinds on one backbone: calls to rows, rows to results, results to outputs.

Notation of shapes: b rows, s columns, d the backbone's width, c a head's outputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from shared.errors import ArtifactError, InputError, NotFoundError
from shared.models.backbone import Backbone
from shared.models.backbones.prefixes import Prefixes
from shared.models.bundle import HEAD_FILE, Bundle, Manifest, Method, own_backbone_sha256
from shared.models.engine import BetweenLayers, Engine, PaddedBatch, TorchEngine
from shared.models.heads import Head, load_head, reads_tokens
from shared.models.lora import NO_ADAPTER, Adapter, read_adapter
from shared.models.outputs import assemble
from shared.models.prompt import Prompt, read_prompt
from shared.models.rows import Int64s, Row, RowResult, Tokenized
from shared.models.scripts import UnknownScripts
from shared.models.tasks import Float32s, Input, TaskCall, TaskKind, TaskOutput
from shared.models.tokenization import Encoded, TextTokenizer

__all__ = ["Row", "RowResult", "Runner", "Tokenized"]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A bundle ready to run; `group` as in `Row`."""

    manifest: Manifest
    group: str
    tokenizer: TextTokenizer
    adapter: Adapter | None
    prompt: Prompt | None
    head: Head | None


@dataclass(frozen=True, slots=True)
class _Group:
    """The rows `[start, stop)` of a batch, all of one bundle."""

    bundle: _Loaded
    start: int
    stop: int


class Runner:
    """One backbone with the bundles loaded on it.

    Where its encoder has the adapter of a bundle `merged` in its weights that bundle alone runs,
    and its rows are a group. Its methods may be called by several threads at once. A bundle must
    stay loaded until the rows that name it have run.
    """

    def __init__(
        self, backbone: Backbone, engine: Engine | None = None, *, merged: bool = False
    ) -> None:
        self._backbone = backbone
        self._merged = merged
        self._engine = engine or TorchEngine(backbone.encoder, backbone.device, backbone.precision)
        self._scripts = UnknownScripts(backbone.tokenizer, backbone.unknown_id)
        self._tokenizers: dict[int, TextTokenizer] = {}
        self._loaded: dict[str, _Loaded] = {}

    @property
    def layers(self) -> Mapping[str, tuple[int, int]]:
        """See `Engine.layers`."""
        return self._engine.layers

    def load(self, bundle: Bundle) -> None:
        """Makes a bundle runnable.

        Raises:
            ArtifactError: the bundle was made for another backbone or tokenizer (the message says
                what to rebuild), or its adapter, prompt or head is malformed.
        """
        manifest = bundle.manifest
        self.check(bundle)
        adapter = prompt = head = None
        if manifest.method is Method.LORA and not self._merged:
            adapter = self._engine.place(read_adapter(bundle.folder, self._engine.layers))
        if manifest.method is Method.PROMPT:
            prompt = read_prompt(bundle.folder, self._engine.embedding_width)
            self._check_positions(bundle, prompt)
            prompt = self._engine.place(prompt)
        if manifest.kind is not TaskKind.EMBED:
            by_token = reads_tokens(manifest.kind)
            width = self._backbone.width if by_token else self._backbone.pooled_width
            head = load_head(bundle.folder / HEAD_FILE, manifest.kind, width, manifest.labels)
            head.to(self._backbone.device)
        tokenizer = self._tokenizer(manifest.max_length)
        is_alone = prompt is not None or self._merged
        group = bundle.id if is_alone else self._backbone.sha256
        self._loaded[bundle.id] = _Loaded(manifest, group, tokenizer, adapter, prompt, head)

    def unload(self, bundle_id: str) -> None:
        """Forgets a bundle, if it is loaded."""
        self._loaded.pop(bundle_id, None)

    def close(self) -> None:
        """Frees the backbone's weights; nothing can be run any more."""
        self._engine.close()

    def info(self, bundle_id: str) -> tuple[TaskKind, tuple[str, ...]]:
        """The kind and the labels of a loaded bundle.

        Raises:
            NotFoundError: the bundle is not loaded.
        """
        manifest = self._find(bundle_id).manifest
        return manifest.kind, manifest.labels

    def tokenize(self, bundle_id: str, call: TaskCall) -> Tokenized:
        """The rows of a call: one for each input, or several where a window slides.

        Raises:
            NotFoundError: the bundle is not loaded.
            TextTooLongError: an input is longer than the bundle reads and may not be cut.
            InputError: an input is not a text, or no pair where the kind reads pairs; or the call
                does not say whether its texts are queries, and the backbone has prefixes.
        """
        loaded = self._find(bundle_id)
        kind = loaded.manifest.kind
        _check_inputs(kind, call)
        if not reads_tokens(kind):
            inputs = _prefixed(loaded.manifest, call) if kind is TaskKind.EMBED else call.inputs
            encoded = loaded.tokenizer.encode(inputs, truncate=call.truncate)
            rows = _rows(bundle_id, loaded, encoded)
            unread = self._unread(call.inputs, rows) if kind is TaskKind.EMBED else None
            return Tokenized(bundle_id, kind, rows, unread=unread)
        encoded, windows, contents = loaded.tokenizer.slide(call.inputs)
        return Tokenized(bundle_id, kind, _rows(bundle_id, loaded, encoded), windows, contents)

    @torch.inference_mode()
    def run(
        self, rows: Sequence[Row], between_layers: BetweenLayers | None = None
    ) -> list[RowResult]:
        """The result of each row; all rows are one padded batch, of any bundles of one group.

        Rows of similar length make good batches; sorting them is the caller's part.
        `between_layers` is called before each layer of the backbone and may call `run` itself.

        Raises:
            NotFoundError: a row's bundle is not loaded.
            ValueError: the rows are of several groups.
        """
        if not rows:
            return []
        loaded = {bundle_id: self._find(bundle_id) for bundle_id in {r.bundle_id for r in rows}}
        if len({each.group for each in loaded.values()}) > 1:
            raise ValueError(f"{', '.join(loaded)} need their own batches")
        # Rows of one bundle stand together: one adapter product and one head product for each.
        order = sorted(
            range(len(rows)),
            key=lambda i: (loaded[rows[i].bundle_id].adapter is not None, rows[i].bundle_id),
        )
        ordered = [rows[index] for index in order]
        groups = _group(ordered, loaded)
        batch = self._pad(ordered)
        adapters, adapter_of_row = _adapters(groups, len(rows))
        hidden = self._engine.hidden_states(
            batch, adapters, adapter_of_row, between_layers, groups[0].bundle.prompt
        ).float()
        mask = torch.from_numpy(batch.attention_mask).to(hidden.device)
        values: list[RowResult] = []
        for group in groups:
            own = slice(group.start, group.stop)
            values.extend(self._apply_head(group.bundle, hidden[own], mask[own]).cpu().numpy())
        results = [values[position] for position in np.argsort(order)]
        return [
            result[: row.tokens] if result.ndim == 2 else result
            for row, result in zip(rows, results, strict=True)
        ]

    def assemble(self, tokenized: Tokenized, results: Sequence[RowResult]) -> TaskOutput:
        """The output of a call from the results of its rows, in order.

        Raises:
            NotFoundError: the bundle is not loaded any more.
        """
        manifest = self._find(tokenized.bundle_id).manifest
        return assemble(tokenized, results, manifest, self._backbone.embedding_width)

    def _find(self, bundle_id: str) -> _Loaded:
        loaded = self._loaded.get(bundle_id)
        if loaded is None:
            raise NotFoundError(f"the bundle {bundle_id[:100]!r} is not loaded")
        return loaded

    def _tokenizer(self, max_length: int) -> TextTokenizer:
        if max_length not in self._tokenizers:
            self._tokenizers[max_length] = self._backbone.text_tokenizer(max_length)
        return self._tokenizers[max_length]

    def check(self, bundle: Bundle) -> None:
        """Refuses a bundle that was not made for this backbone.

        Raises:
            ArtifactError: the message says what to rebuild.
        """
        manifest, backbone = bundle.manifest, self._backbone
        rebuild = f"; rebuild it: {manifest.command}" if manifest.command else "; train it again"
        here = f"{backbone.name} ({backbone.sha256[:12]})"
        made_for = f"{manifest.backbone.name} ({manifest.backbone.sha256[:12]})"
        own_sha256 = own_backbone_sha256(manifest)
        if own_sha256 not in (None, backbone.sha256):
            raise ArtifactError(
                f"{bundle.id} is its own backbone ({own_sha256[:12]}) and cannot run on "
                f"{here}: load it with shared.models.runners"
            )
        if own_sha256 is None and manifest.backbone.sha256 != backbone.sha256:
            raise ArtifactError(f"{bundle.id} was made for {made_for}, not for {here}{rebuild}")
        if manifest.tokenizer_sha256 != backbone.tokenizer_sha256:
            raise ArtifactError(
                f"{bundle.id} was made with another tokenizer.json than {here} has{rebuild}"
            )
        if manifest.kind is TaskKind.EMBED and manifest.prefixes != backbone.prefixes:
            raise ArtifactError(
                f"{bundle.id} was made with the prefixes {_named(manifest.prefixes)}, and {here} "
                f"has {_named(backbone.prefixes)}{rebuild}"
            )
        if manifest.max_length > backbone.max_length:
            raise ArtifactError(
                f"{bundle.id} reads {manifest.max_length} tokens, but {here} at most "
                f"{backbone.max_length}{rebuild}"
            )

    def _unread(self, inputs: Sequence[Input], rows: Sequence[Row]) -> Float32s | None:
        """The share of each input's words that the backbone cannot read; None where all are 0."""
        shares = [
            self._scripts.unread(each, row.input_ids)
            for each, row in zip(inputs, rows, strict=True)
        ]
        return np.array(shares, np.float32) if any(shares) else None

    def _check_positions(self, bundle: Bundle, prompt: Prompt) -> None:
        positions, most = self._backbone.positions, bundle.manifest.max_length
        if positions is not None and prompt.virtual_tokens + most > positions:
            raise ArtifactError(
                f"{bundle.id} puts {prompt.virtual_tokens} virtual tokens before {most}, but "
                f"{self._backbone.name} has {positions} positions: train it again with a "
                f"max_length of at most {positions - prompt.virtual_tokens}"
            )

    def _pad(self, rows: Sequence[Row]) -> PaddedBatch:
        """Rows as arrays [b, s], padded on the right to the longest."""
        shape = len(rows), max(row.tokens for row in rows)
        input_ids = np.full(shape, self._backbone.pad_id, np.int64)
        mask = np.zeros(shape, np.int64)
        types = np.zeros(shape, np.int64) if self._backbone.uses_token_types else None
        for index, row in enumerate(rows):
            input_ids[index, : row.tokens] = row.input_ids
            mask[index, : row.tokens] = 1
            if types is not None and row.token_type_ids is not None:
                types[index, : row.tokens] = row.token_type_ids
        return PaddedBatch(input_ids, mask, types)

    def _apply_head(self, bundle: _Loaded, hidden: Tensor, mask: Tensor) -> Tensor:
        """What a bundle gives for its rows: [b, c], or [b, s, c] where it reads tokens."""
        if bundle.head is not None and reads_tokens(bundle.manifest.kind):
            logits: Tensor = bundle.head(hidden)
            return logits
        pooled = self._backbone.pool(hidden, mask)
        return self._backbone.embed(pooled) if bundle.head is None else bundle.head(pooled)


def _group(ordered: Sequence[Row], loaded: Mapping[str, _Loaded]) -> list[_Group]:
    """The bundles of rows of which those of one bundle stand together."""
    groups: list[_Group] = []
    for bundle_id, members in groupby(ordered, lambda row: row.bundle_id):
        start = groups[-1].stop if groups else 0
        groups.append(_Group(loaded[bundle_id], start, start + sum(1 for _ in members)))
    return groups


def _adapters(groups: Sequence[_Group], rows: int) -> tuple[list[Adapter], Int64s]:
    """The adapters of a batch, and which of them each row has."""
    adapters: list[Adapter] = []
    adapter_of_row = np.full(rows, NO_ADAPTER, np.int64)
    for group in groups:
        if group.bundle.adapter is not None:
            adapter_of_row[group.start : group.stop] = len(adapters)
            adapters.append(group.bundle.adapter)
    return adapters, adapter_of_row


def _prefixed(manifest: Manifest, call: TaskCall) -> Sequence[Input]:
    """The inputs after the backbone's prefix; of a pair it stands before the first text."""
    prefix = manifest.prefixes.of(call.input_type, manifest.task)
    if not prefix:
        return call.inputs
    return [
        f"{prefix}{each}" if isinstance(each, str) else (f"{prefix}{each[0]}", each[1])
        for each in call.inputs
    ]


def _named(prefixes: Prefixes) -> str:
    return f"{prefixes.query!r} and {prefixes.passage!r}"


def _rows(bundle_id: str, loaded: _Loaded, encoded: Sequence[Encoded]) -> list[Row]:
    virtual = 0 if loaded.prompt is None else loaded.prompt.virtual_tokens
    return [
        Row(bundle_id, each.input_ids, each.token_type_ids, loaded.group, virtual)
        for each in encoded
    ]


def _check_inputs(kind: TaskKind, call: TaskCall) -> None:
    """Refuses pairs where a kind reads texts, and the reverse; `classify`, `embed` read both."""
    for index, each in enumerate(call.inputs):
        pair = not isinstance(each, str)
        if pair and kind is TaskKind.TAG:
            raise InputError(f"input {index} is a pair, but {kind} reads one text", param="input")
        if not pair and kind in (TaskKind.SPAN, TaskKind.SCORE):
            raise InputError(f"input {index} is one text, but {kind} reads pairs", param="input")
