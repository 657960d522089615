"""From the logits of starts and ends to the best answer in a context."""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from shared.models.rows import Content
from shared.models.tasks import Float32s, Span

Float64s = npt.NDArray[np.float64]

LONGEST_ANSWER_TOKENS = 40
ANSWER = "answer"


def span_sums(logits: Float32s) -> Float64s:
    """What competes to be the answer, [n, m]: row i, column j is the span of j + 1 tokens from i.

    Its value is the sum of the logits [n, 2] of its first and its last token, -inf where it goes
    past the context. m is `LONGEST_ANSWER_TOKENS`, or n where that is less; n is at least 1.
    """
    longest = min(LONGEST_ANSWER_TOKENS, len(logits))
    ends = np.pad(logits[:, 1].astype(np.float64), (0, longest - 1), constant_values=-np.inf)
    starts: Float64s = logits[:, :1].astype(np.float64)
    return starts + sliding_window_view(ends, longest)


def decode_span(
    logits: Float32s, no_answer_logit: float, content: Content, temperature: float
) -> tuple[Span | None, float]:
    """The best answer, and the probability that there is none.

    `logits` [n, 2] are those of each token of the context being the answer's start and its end.
    Every span of at most `LONGEST_ANSWER_TOKENS` competes, with the sum of its two logits, against
    the others and against `no_answer_logit` in one softmax. The answer is None where "no answer"
    is more probable than every span.

    Source: https://arxiv.org/abs/1810.04805 (section 4.3, SQuAD 2.0).
    """
    if not len(logits):
        return None, 1.0
    sums = span_sums(logits)
    scaled = np.append(sums.ravel(), no_answer_logit) / temperature
    powers = np.exp(scaled - scaled.max())
    probabilities = powers / powers.sum()
    no_answer = float(probabilities[-1])
    best = int(probabilities[:-1].argmax())
    if probabilities[best] <= no_answer:
        return None, no_answer
    first, extra = divmod(best, sums.shape[1])
    start, end = int(content.offsets[first, 0]), int(content.offsets[first + extra, 1])
    return Span(start, end, ANSWER, float(probabilities[best])), no_answer
