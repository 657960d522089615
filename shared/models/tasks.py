"""What a task takes and gives: plain data that any process can hold without torch.

Notation of shapes: n inputs of one call, d the embedding's width, c the number of classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from shared.models.backbones.prefixes import InputType

Float32s = npt.NDArray[np.float32]

EMBED_TASK = "embed"
"""The task that always exists: the backbone's own embedding."""

MAX_UNREAD = 0.5
"""From this share of words on that a backbone cannot read a text counts as unreadable to it."""

Input = str | tuple[str, str]
"""One text, or a pair of texts that the backbone reads together."""


class TaskKind(StrEnum):
    """What a task's head does with the backbone's hidden states."""

    EMBED = "embed"
    CLASSIFY = "classify"
    TAG = "tag"
    SPAN = "span"
    SCORE = "score"


class Priority(StrEnum):
    """Who waits for the answer: a person, the stream, or nobody in particular."""

    INTERACTIVE = "interactive"
    STREAM = "stream"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class TaskCall:
    """Inputs for one task.

    `task` is a task's name (its champion bundle answers) or a bundle's immutable id (see
    `shared.models.bundle`). `inputs` holds texts, or pairs of texts: `(question, context)` for
    `span`, `(query, document)` for `score`.
    With `truncate` a longer text is cut to what the backbone reads; without it, it is refused
    with `TextTooLongError`. `span` and `tag` slide a window instead and ignore it.
    `input_type` says what the texts of an `embed` task are for, so that the trunk puts the
    backbone's prefix before them; it must be given where the backbone has prefixes.
    """

    task: str
    inputs: Sequence[Input]
    truncate: bool = False
    input_type: InputType | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch `[start, end)` of characters of the input text (of the context, for `span`)."""

    start: int
    end: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class EmbedOutput:
    """`vectors` is float32 [n, d], normalised where the backbone's own pipeline normalises.

    `unread` is float32 [n], the share of an input's words that are in a script which the backbone
    does not know or that it knows no piece of, so that its vector says little; None where there
    are none in any input.
    """

    bundle: str
    tokens: int
    vectors: Float32s
    unread: Float32s | None = None


@dataclass(frozen=True, slots=True)
class ClassifyOutput:
    """`probabilities` is float32 [n, c]; a row sums to 1 (multi-label heads: each in 0..1)."""

    bundle: str
    tokens: int
    labels: tuple[str, ...]
    probabilities: Float32s


@dataclass(frozen=True, slots=True)
class TagOutput:
    """`spans[i]` are the entities of input i, in order of their start, not overlapping."""

    bundle: str
    tokens: int
    spans: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True, slots=True)
class SpanOutput:
    """`answers[i]` is the best answer in context i, or None; `no_answer[i]` in 0..1, float32 [n].

    `answers[i].score` is the probability of that span among all spans and "no answer".
    """

    bundle: str
    tokens: int
    answers: tuple[Span | None, ...]
    no_answer: Float32s


@dataclass(frozen=True, slots=True)
class ScoreOutput:
    """`scores` is float32 [n], each a relevance in 0..1; higher is more relevant."""

    bundle: str
    tokens: int
    scores: Float32s


TaskOutput = EmbedOutput | ClassifyOutput | TagOutput | SpanOutput | ScoreOutput
