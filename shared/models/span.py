"""From the logits of starts and ends to the best answer in a context."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from shared.models.rows import Content
from shared.models.tasks import Float32s, Span

LONGEST_ANSWER_TOKENS = 40
ANSWER = "answer"


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
    n = len(logits)
    if n == 0:
        return None, 1.0
    longest = min(LONGEST_ANSWER_TOKENS, n)
    ends = np.pad(logits[:, 1].astype(np.float64), (0, longest - 1), constant_values=-np.inf)
    sums = logits[:, :1] + sliding_window_view(ends, longest)
    scaled = np.append(sums.ravel(), no_answer_logit) / temperature
    powers = np.exp(scaled - scaled.max())
    probabilities = powers / powers.sum()
    no_answer = float(probabilities[-1])
    best = int(probabilities[:-1].argmax())
    if probabilities[best] <= no_answer:
        return None, no_answer
    first, extra = divmod(best, longest)
    start, end = int(content.offsets[first, 0]), int(content.offsets[first + extra, 1])
    return Span(start, end, ANSWER, float(probabilities[best])), no_answer
