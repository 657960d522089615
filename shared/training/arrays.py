"""Tokenised examples as flat arrays, so that a position in the data is one number.

Notation of shapes: n examples, t tokens of all of them, b rows and s columns of a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

from shared.files import write_atomic

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenArrays:
    """`tokens` int32 [t] holds the examples one after another, `offsets` int64 [n + 1] says where
    each begins and ends, `labels` int64 [n] is the class of each.
    """

    tokens: npt.NDArray[np.int32]
    offsets: Int64s
    labels: Int64s

    @classmethod
    def of(cls, token_ids: Sequence[npt.ArrayLike], labels: Sequence[int]) -> "TokenArrays":
        """Packs token ids, one sequence for each label."""
        rows = [np.asarray(ids, dtype=np.int32) for ids in token_ids]
        return cls(
            tokens=np.concatenate(rows),
            offsets=np.cumsum([0, *map(len, rows)], dtype=np.int64),
            labels=np.asarray(labels, dtype=np.int64),
        )

    @classmethod
    def load(cls, path: Path) -> "TokenArrays":
        """Reads what `save` wrote."""
        return cls(**load_file(path))

    def save(self, path: Path) -> None:
        """Writes the arrays as one safetensors file."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "tokens": self.tokens,
            "offsets": self.offsets,
            "labels": self.labels,
        }
        write_atomic(path, save(arrays))

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def lengths(self) -> Int64s:
        """Tokens of each example, [n]."""
        return np.diff(self.offsets)

    def padded(self, indices: Int64s, pad_id: int) -> tuple[Int64s, Int64s]:
        """`input_ids` and `attention_mask`, both int64 [b, s], of the examples at `indices` [b]."""
        lengths = self.lengths[indices]
        columns = np.arange(lengths.max())
        attended = columns < lengths[:, None]
        # Past an example's end the position is not used; clipping keeps it inside the array.
        positions = np.minimum(self.offsets[indices][:, None] + columns, len(self.tokens) - 1)
        input_ids = np.where(attended, self.tokens[positions], pad_id)
        return input_ids.astype(np.int64), attended.astype(np.int64)
