"""Tokenised examples as flat arrays, so that a position in the data is one number.

Notation of shapes: n examples, r rows of all of them, t tokens and u targets of all rows; b rows,
s columns and w targets of a batch's longest row.
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

IGNORED = -100
"""A target that says nothing, such as that of a special token; PyTorch's losses skip it."""


@dataclass(frozen=True)
class TokenArrays:
    """`tokens` int32 [t] holds the rows one after another, `offsets` int64 [r + 1] says where
    each begins and ends; `targets` int64 [u] and `target_offsets` int64 [r + 1] say likewise what
    a model shall give for each row: one class, or one for each of its tokens.

    `token_types` int8 [t] says which of two texts a token is of; None where there are no pairs.
    An example is `rows_per_example` rows that stand together, such as an anchor, what belongs to
    it and what does not; all examples have the same number. `teacher` float32 [r, c] is what a
    teacher's head gives for each row, c outputs; None where no teacher was asked.
    """

    tokens: npt.NDArray[np.int32]
    offsets: Int64s
    targets: Int64s
    target_offsets: Int64s
    token_types: npt.NDArray[np.int8] | None = None
    rows_per_example: int = 1
    teacher: npt.NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        token_ids: Sequence[npt.ArrayLike],
        targets: Sequence[int | Sequence[int]],
        token_types: Sequence[npt.ArrayLike] | None = None,
        rows_per_example: int = 1,
    ) -> "TokenArrays":
        """Packs token ids with one target or several (or none) for each row.

        Raises:
            ValueError: the rows are not a whole number of examples.
        """
        if len(token_ids) % rows_per_example:
            raise ValueError(f"{len(token_ids)} rows are no examples of {rows_per_example} rows")
        rows = [np.asarray(ids, dtype=np.int32) for ids in token_ids]
        goals = [np.atleast_1d(np.asarray(target, dtype=np.int64)) for target in targets]
        types = None if token_types is None else np.concatenate([*map(np.asarray, token_types)])
        return cls(
            tokens=np.concatenate(rows),
            offsets=np.cumsum([0, *map(len, rows)], dtype=np.int64),
            targets=np.concatenate(goals),
            target_offsets=np.cumsum([0, *map(len, goals)], dtype=np.int64),
            token_types=None if types is None else types.astype(np.int8),
            rows_per_example=rows_per_example,
        )

    @classmethod
    def load(cls, path: Path) -> "TokenArrays":
        """Reads what `save` wrote."""
        arrays = load_file(path)
        return cls(rows_per_example=int(arrays.pop("rows_per_example")), **arrays)

    def save(self, path: Path) -> None:
        """Writes the arrays as one safetensors file."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "tokens": self.tokens,
            "offsets": self.offsets,
            "targets": self.targets,
            "target_offsets": self.target_offsets,
            "rows_per_example": np.array(self.rows_per_example, dtype=np.int64),
        }
        optional = {"token_types": self.token_types, "teacher": self.teacher}
        arrays |= {name: array for name, array in optional.items() if array is not None}
        write_atomic(path, save(arrays))

    def __len__(self) -> int:
        return self.rows // self.rows_per_example

    @property
    def rows(self) -> int:
        """How many rows there are, r."""
        return len(self.offsets) - 1

    @cached_property
    def row_lengths(self) -> Int64s:
        """Tokens of each row, [r]."""
        return np.diff(self.offsets)

    @cached_property
    def lengths(self) -> Int64s:
        """Tokens of each example's longest row, [n]: what each of its rows costs a batch."""
        longest: Int64s = self.row_lengths.reshape(-1, self.rows_per_example).max(axis=1)
        return longest

    def rows_of(self, examples: Int64s) -> Int64s:
        """The rows of `examples` [e], [e * rows_per_example]: an example's own stand together."""
        each = self.rows_per_example
        return (examples[:, None] * each + np.arange(each)).ravel()

    def padded(self, indices: Int64s, pad_id: int) -> tuple[Int64s, Int64s]:
        """`input_ids` and `attention_mask`, both int64 [b, s], of the rows at `indices` [b]."""
        positions, attended = _grid(self.offsets, indices)
        input_ids = np.where(attended, self.tokens[positions], pad_id)
        return input_ids.astype(np.int64), attended.astype(np.int64)

    def padded_types(self, indices: Int64s) -> Int64s | None:
        """`token_type_ids` int64 [b, s] that go with `padded`; None where there are no pairs."""
        if self.token_types is None:
            return None
        positions, attended = _grid(self.offsets, indices)
        return np.where(attended, self.token_types[positions], 0).astype(np.int64)

    def padded_targets(self, indices: Int64s) -> Int64s:
        """The targets int64 [b, w] of the rows at `indices` [b]; `IGNORED` where there are none."""
        positions, present = _grid(self.target_offsets, indices)
        return np.where(present, self.targets[positions], IGNORED)

    def token_positions(self, indices: Int64s) -> tuple[Int64s, npt.NDArray[np.bool_]]:
        """Where in `tokens` those of the rows at `indices` [b] stand, [b, s], and which do."""
        return _grid(self.offsets, indices)


def _grid(offsets: Int64s, indices: Int64s) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """Positions in a flat array of the rows at `indices`, one row a line, and which are theirs."""
    lengths = offsets[indices + 1] - offsets[indices]
    columns = np.arange(lengths.max(initial=0))
    # Past a row's end the position is not used; clipping keeps it inside the array.
    positions = np.minimum(offsets[indices][:, None] + columns, offsets[-1] - 1)
    return positions, columns < lengths[:, None]
