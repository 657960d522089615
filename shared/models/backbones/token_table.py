"""A large table of token embeddings that stays in its file, but for the rows that texts need.

Multilingual models have vocabularies of 250,000 pieces, four fifths of their weights, of which the
texts of a language use few. A mapped file would not do: the system counts whatever of it lies in
the page cache around a row that is read.

Notation of shapes: b rows, s columns, v pieces of the vocabulary, n of them read, e the
embedding's width.
"""

import json
import os
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from shared.errors import ArtifactError
from shared.models.backbone import Backbone

LARGE_BYTES = 128 * 1024 * 1024
"""A table of at least so many bytes stays in its file."""

_HEADER_LENGTH_BYTES = 8
_FIRST_ROWS = 1024
_DTYPES: Final = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor [v, e] lies in a safetensors file: from `offset` bytes on, row by row."""

    path: Path
    offset: int
    dtype: torch.dtype
    shape: tuple[int, int]


class TokenTable(nn.Module):
    """Looks token ids up; a row is read from its file when a text first needs it, and stays.

    The vectors are those that the whole table has in `precision`. It may be used by several
    threads at once. The file is held open, so that another one may take its place.
    """

    def __init__(self, stored: StoredTensor, precision: torch.dtype) -> None:
        super().__init__()
        self._stored = stored
        self._file = os.open(stored.path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        self._lock = threading.Lock()
        pieces, self.embedding_dim = stored.shape
        # Neither is a buffer, which somebody could cast or move.
        self._place_of = torch.full((pieces,), -1, dtype=torch.int32)
        self._rows = torch.empty((_FIRST_ROWS, self.embedding_dim), dtype=precision)
        self._count = 0

    @property
    def rows_read(self) -> int:
        """How many rows n are in memory."""
        return self._count

    def forward(self, input_ids: Tensor) -> Tensor:
        """Ids [b, s] to vectors [b, s, e]."""
        places = self._place_of[input_ids]
        if bool((places < 0).any()):
            self._read(torch.unique(input_ids[places < 0]))
            places = self._place_of[input_ids]
        # After the places: a row is there before its place is told.
        return nn.functional.embedding(places, self._rows)

    @torch.inference_mode()
    def _read(self, ids: Tensor) -> None:
        with self._lock:
            missing = ids[self._place_of[ids] < 0]
            if not len(missing):
                return
            wanted = self._count + len(missing)
            rows = self._rows
            if wanted > len(rows):
                rows = rows.new_empty((max(wanted, 2 * len(rows)), self.embedding_dim))
                rows[: self._count] = self._rows[: self._count]
            rows[self._count : wanted] = self._stored_rows(missing.tolist())
            self._rows = rows
            self._place_of[missing] = torch.arange(self._count, wanted, dtype=torch.int32)
            self._count = wanted

    def _stored_rows(self, ids: list[int]) -> Tensor:
        stored = self._stored
        size = stored.dtype.itemsize * self.embedding_dim
        content = bytearray()
        for each in ids:
            content += os.pread(self._file, size, stored.offset + each * size)
        return torch.frombuffer(content, dtype=stored.dtype).view(len(ids), self.embedding_dim)


def leave_large_table(backbone: Backbone, large_bytes: int = LARGE_BYTES) -> None:
    """Has a large table of an encoder on a processor read from its file, as it stands there."""
    encoder = cast(PreTrainedModel, backbone.encoder)
    embedding = encoder.get_input_embeddings()
    # A subclass may do more than look up.
    if backbone.device.type != "cpu" or type(embedding) is not nn.Embedding:
        return
    if embedding.weight.nbytes < large_bytes:
        return
    (name,) = (name for name, each in encoder.named_parameters() if each is embedding.weight)
    stored = find_tensor(backbone.folder, name)
    if stored is not None and stored.shape == tuple(embedding.weight.shape):
        encoder.set_input_embeddings(TokenTable(stored, backbone.precision))


def find_tensor(folder: Path, name: str) -> StoredTensor | None:
    """The tensor that a model's files have under a name, or under that behind the model's own.

    None where there is none, or several, or it is no table of numbers that are read here.

    Raises:
        ArtifactError: a file is malformed.
    """
    found = [
        stored
        for path in sorted(folder.rglob("*.safetensors"))
        for key, stored in _tables(path).items()
        if key == name or key.endswith(f".{name}")
    ]
    return found[0] if len(found) == 1 else None


def _tables(path: Path) -> dict[str, StoredTensor]:
    """The tensors of two dimensions in a file. Source: the format of safetensors."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_HEADER_LENGTH_BYTES), "little")
            header = json.loads(file.read(length))
        return {
            key: StoredTensor(
                path,
                _HEADER_LENGTH_BYTES + length + int(each["data_offsets"][0]),
                _DTYPES[each["dtype"]],
                (int(each["shape"][0]), int(each["shape"][1])),
            )
            for key, each in header.items()
            if key != "__metadata__" and len(each["shape"]) == 2 and each["dtype"] in _DTYPES
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ArtifactError(f"{path} cannot be read as safetensors: {error}") from None
