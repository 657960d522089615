"""From the results of a call's rows to its output.

Notation of shapes: n inputs of the call, m tokens of an input, c outputs of a head.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import assert_never

import numpy as np

from shared.models.bundle import Manifest
from shared.models.heads import sigmoid, softmax
from shared.models.rows import Content, RowResult, Tokenized, Window
from shared.models.span import decode_span
from shared.models.tag import decode_tags
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Float32s,
    ScoreOutput,
    SpanOutput,
    TagOutput,
    TaskKind,
    TaskOutput,
)
from shared.models.windows import merge_windows


def assemble(
    tokenized: Tokenized, results: Sequence[RowResult], manifest: Manifest, embedding_width: int
) -> TaskOutput:
    """The output of a call from the results of its rows, in order."""
    bundle, tokens = tokenized.bundle_id, tokenized.tokens
    temperature = manifest.calibration.temperature
    match tokenized.kind:
        case TaskKind.EMBED:
            return EmbedOutput(bundle, tokens, _stack(results, embedding_width), tokenized.unread)
        case TaskKind.CLASSIFY:
            logits = _stack(results, len(manifest.labels))
            normalise = sigmoid if manifest.multi_label else softmax
            return ClassifyOutput(bundle, tokens, manifest.labels, normalise(logits, temperature))
        case TaskKind.SCORE:
            return ScoreOutput(bundle, tokens, sigmoid(_stack(results, 1), temperature)[:, 0])
        case TaskKind.TAG:
            spans = tuple(
                decode_tags(softmax(logits, temperature), content, manifest.labels)
                for content, logits, _ in by_input(tokenized.windows, tokenized.contents, results)
            )
            return TagOutput(bundle, tokens, spans)
        case TaskKind.SPAN:
            bias = manifest.calibration.no_answer_bias
            read = by_input(tokenized.windows, tokenized.contents, results)
            answers = [
                decode_span(logits, no_answer_logit + bias, content, temperature)
                for content, logits, no_answer_logit in read
            ]
            no_answer = np.array([probability for _, probability in answers], np.float32)
            return SpanOutput(bundle, tokens, tuple(answer for answer, _ in answers), no_answer)
        case kind:
            assert_never(kind)


def _stack(results: Sequence[RowResult], width: int) -> Float32s:
    """Results [c] as one array [n, c], also where n is 0."""
    return np.stack(results) if results else np.zeros((0, width), np.float32)


def by_input(
    windows: Sequence[Window], contents: Sequence[Content], results: Sequence[RowResult]
) -> Iterator[tuple[Content, Float32s, float]]:
    """For each input its content, the logits [m, c] of its tokens, and its first token's sum.

    The last is what a `span` head says of "no answer". A window without the answer says nothing
    about the others, so the window that is least sure of having none decides.
    """
    rows = zip(windows, results, strict=True)
    for index, members in groupby(rows, lambda row: row[0].input):
        own_windows, own = zip(*members, strict=True)
        content = contents[index]
        logits = merge_windows(own_windows, own, len(content.words))
        yield content, logits, min(float(result[0].sum()) for result in own)
