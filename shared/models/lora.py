"""LoRA adapters of a batch in which every row may have another one.

Notation of shapes: b rows, s columns, i and o a linear layer's inputs and outputs, r a rank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import PreTrainedModel

from shared.errors import ArtifactError
from shared.models.adapter_config import read_adapter_config
from shared.models.bundle import ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE

NO_ADAPTER = -1

_PREFIX = "base_model.model."
_LORA_A = ".lora_A.weight"
_LORA_B = ".lora_B.weight"
# Measured at 1,024 tokens in bfloat16 and float32, i = o = 384 and up: one product for each run
# of rows with the same adapter needs no copy of the weights for each row, but two calls for each
# run; below about this many tokens in a run the batched product is faster.
_LEAST_TOKENS_PER_RUN = 128


@dataclass(frozen=True, slots=True)
class Factors:
    """A layer's change: `x @ a @ b` is added to its output; a is [i, r], b [r, o].

    The scaling is part of `b`.
    """

    a: Tensor
    b: Tensor


@dataclass(frozen=True, slots=True)
class Adapter:
    """The changes of an adapter by the name of the linear layer in the backbone's encoder."""

    factors: Mapping[str, Factors]

    def to(self, device: torch.device, dtype: torch.dtype) -> "Adapter":
        """The same adapter where and as precise as the backbone computes."""
        return Adapter(
            {
                name: Factors(each.a.to(device, dtype), each.b.to(device, dtype))
                for name, each in self.factors.items()
            }
        )


def read_adapter(folder: Path, layers: Mapping[str, tuple[int, int]]) -> Adapter:
    """Reads the adapter of a bundle's folder in float32, whatever it was stored in.

    `layers` has the `(i, o)` of every linear layer that may be adapted.

    Raises:
        ArtifactError: the adapter is malformed, or its layers are not the backbone's.
    """
    config = read_adapter_config(folder / ADAPTER_CONFIG_FILE)
    path = folder / ADAPTER_WEIGHTS_FILE
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path} cannot be read as safetensors: {error}") from None
    names = {
        key.removeprefix(_PREFIX).removesuffix(_LORA_A).removesuffix(_LORA_B) for key in tensors
    }
    expected = {f"{_PREFIX}{name}{end}" for name in names for end in (_LORA_A, _LORA_B)}
    if expected != set(tensors):
        odd = sorted(expected ^ set(tensors))
        raise ArtifactError(f"{path}: {odd[0]} has no counterpart: it is not a plain LoRA adapter")
    factors = {}
    for name in sorted(names):
        a, b = tensors[f"{_PREFIX}{name}{_LORA_A}"], tensors[f"{_PREFIX}{name}{_LORA_B}"]
        if name not in layers:
            raise ArtifactError(
                f"{path} adapts {name}, which is not a linear layer of this backbone that rows "
                "share"
            )
        i, o = layers[name]
        if a.shape != (config.rank, i) or b.shape != (o, config.rank):
            raise ArtifactError(
                f"{path}: {name} has shapes {list(a.shape)} and {list(b.shape)}, expected "
                f"[{config.rank}, {i}] and [{o}, {config.rank}]: it was made for another backbone"
            )
        if not (a.isfinite().all() and b.isfinite().all()):
            raise ArtifactError(f"{path}: {name} holds weights that are not finite: train it again")
        scaled = b.float().t() * config.scaling
        factors[name] = Factors(a.float().t().contiguous(), scaled.contiguous())
    return Adapter(factors)


@torch.inference_mode()
def merge(encoder: nn.Module, adapter: Adapter) -> nn.Module:
    """A copy of an encoder whose linear layers have an adapter's changes in their weights.

    It shares all other tensors with the encoder.
    """
    weights = dict(encoder.state_dict())
    for layer, each in adapter.factors.items():
        weight = weights[f"{layer}.weight"]
        change = (each.a.float() @ each.b.float()).t()
        weights[f"{layer}.weight"] = (weight.float() + change).to(weight.dtype)
    merged = type(encoder)(encoder.config)
    table = cast(PreTrainedModel, encoder).get_input_embeddings()
    if next(table.parameters(), None) is None:
        # It is not among the weights: see `shared.models.backbones.token_table`.
        cast(PreTrainedModel, merged).set_input_embeddings(table)
    merged.load_state_dict(weights, assign=True)
    return merged


class RowAdapters:
    """Which adapter each row of a batch has, and its effect on the output of a layer.

    `rows` is int64 [b] with indices into `adapters`, or `NO_ADAPTER`. Rows of the same adapter
    should stand together: then each run of them is two dense products. Where runs are short, the
    factors are stacked by row, ranks zero-padded to the largest, and two batched products do it.
    Rows without adapter cost nothing.
    """

    def __init__(self, adapters: Sequence[Adapter], rows: npt.NDArray[np.int64]) -> None:
        self._adapters = adapters
        self._rows = rows
        edges = np.flatnonzero(np.diff(rows)) + 1
        starts = [0, *edges.tolist()]
        stops = [*edges.tolist(), len(rows)]
        self._runs = [
            (start, stop, adapters[rows[start]])
            for start, stop in zip(starts, stops, strict=True)
            if start < stop and rows[start] != NO_ADAPTER
        ]
        self._adapted = np.flatnonzero(rows != NO_ADAPTER)

    @property
    def is_empty(self) -> bool:
        """Whether no row has an adapter."""
        return not self._runs

    def add(self, layer: str, x: Tensor, out: Tensor) -> None:
        """Adds the change of `layer` for input `x` [b, s, i] (or [b, i]) to `out` in place."""
        tokens = x.shape[1] if x.dim() == 3 else 1
        if len(self._runs) == 1 or len(self._adapted) * tokens >= (
            _LEAST_TOKENS_PER_RUN * len(self._runs)
        ):
            self._add_by_run(layer, x, out)
        else:
            self._add_by_row(layer, x, out)

    def _add_by_run(self, layer: str, x: Tensor, out: Tensor) -> None:
        for start, stop, adapter in self._runs:
            factors = adapter.factors.get(layer)
            if factors is not None:
                inputs = x[start:stop].flatten(0, -2)
                outputs = out[start:stop].view(-1, out.shape[-1])
                outputs.addmm_(inputs @ factors.a, factors.b)

    def _add_by_row(self, layer: str, x: Tensor, out: Tensor) -> None:
        used = sorted(set(self._rows[self._adapted].tolist()))
        found = {index: self._adapters[index].factors.get(layer) for index in used}
        factors = {index: each for index, each in found.items() if each is not None}
        if not factors:
            return
        rank = max(each.a.shape[1] for each in factors.values())
        positions = {index: position for position, index in enumerate(factors)}
        rows = [row for row in self._adapted.tolist() if int(self._rows[row]) in positions]
        which = torch.tensor([positions[int(self._rows[row])] for row in rows], device=x.device)
        a = torch.stack([pad(f.a, (0, rank - f.a.shape[1])) for f in factors.values()])
        b = torch.stack([pad(f.b, (0, 0, 0, rank - f.b.shape[0])) for f in factors.values()])
        at = torch.tensor(rows, device=x.device)
        inputs = x[at] if x.dim() == 3 else x[at].unsqueeze(1)
        change = torch.bmm(torch.bmm(inputs, a[which]), b[which])
        out.index_add_(0, at, change if x.dim() == 3 else change.squeeze(1))
