"""Rows: what the model computes for a text, or for a window of a long one.

Notation of shapes: s tokens of a row, n tokens of a whole text without the special ones.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.models.tasks import Float32s, TaskKind

Int64s = npt.NDArray[np.int64]

RowResult = Float32s
"""What a row gives: a vector or logits [c]; for `tag` and `span` logits of each token [s, c]."""


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens that the model reads as one; `input_ids` is int64 [s].

    `token_type_ids` is int64 [s], or None where all are 0. Rows of different `group`s (of another
    backbone, or with another prompt before them) never share a batch. `virtual_tokens` stand
    before the row's own.
    """

    bundle_id: str
    input_ids: Int64s
    token_type_ids: Int64s | None
    group: str = ""
    virtual_tokens: int = 0

    @property
    def tokens(self) -> int:
        """How many tokens the row has, special ones included and virtual ones not."""
        return len(self.input_ids)

    @property
    def columns(self) -> int:
        """How many columns of a batch it takes."""
        return len(self.input_ids) + self.virtual_tokens


@dataclass(frozen=True, slots=True)
class Content:
    """The tokens of a whole text: of the text to tag, or of the context that may hold an answer.

    `offsets` is int64 [n, 2], the characters `[start, end)` of each token; `words` is int64 [n],
    the index of the word that the token is a piece of.
    """

    offsets: Int64s
    words: Int64s


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of an input's content that a row holds.

    Its columns `[column, column + tokens)` are the tokens `[start, start + tokens)` of the content
    of the input with index `input`.
    """

    input: int
    column: int
    start: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Tokenized:
    """A call as rows. `windows` (one for each row) and `contents` (one for each input) are empty
    for kinds that read a whole text in one row. `unread`: see `shared.models.tasks.EmbedOutput`.
    """

    bundle_id: str
    kind: TaskKind
    rows: list[Row]
    windows: tuple[Window, ...] = ()
    contents: tuple[Content, ...] = ()
    unread: Float32s | None = None

    @property
    def tokens(self) -> int:
        """How many tokens of the call the model reads."""
        return sum(row.tokens for row in self.rows)
