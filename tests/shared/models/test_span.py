import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.models.rows import Content
from shared.models.span import LONGEST_ANSWER_TOKENS, decode_span
from shared.models.tasks import Float32s


def content(n: int) -> Content:
    starts = np.arange(n) * 10
    return Content(np.stack([starts, starts + 7], axis=1), np.arange(n))


@given(
    hnp.arrays(
        np.float32, st.tuples(st.integers(1, 60), st.just(2)), elements=st.floats(-9, 9, width=32)
    ),
    st.floats(-20, 20),
    st.floats(0.5, 3),
)
def test_it_is_the_best_of_all_allowed_spans(
    logits: Float32s, no_answer_logit: float, temperature: float
) -> None:
    n = len(logits)
    spans = {
        (first, last): (float(logits[first, 0]) + float(logits[last, 1])) / temperature
        for first in range(n)
        for last in range(first, min(n, first + LONGEST_ANSWER_TOKENS))
    }
    scores = np.exp(np.array([*spans.values(), no_answer_logit / temperature]))
    scores /= scores.sum()
    answer, no_answer = decode_span(logits, no_answer_logit, content(n), temperature)
    assert no_answer == pytest.approx(scores[-1], rel=1e-4)
    if answer is None:
        assert scores[:-1].max() <= scores[-1] * (1 + 1e-4)
    else:
        first, last = answer.start // 10, (answer.end - 7) // 10
        assert answer.score == pytest.approx(scores[:-1].max(), rel=1e-4)
        assert answer.score == pytest.approx(
            np.exp(spans[first, last]) / _total(spans, no_answer_logit / temperature), rel=1e-4
        )


def _total(spans: dict[tuple[int, int], float], no_answer: float) -> float:
    return float(np.exp([*spans.values(), no_answer]).sum())


def test_an_empty_context_has_no_answer() -> None:
    assert decode_span(np.zeros((0, 2), np.float32), 0.0, content(0), 1.0) == (None, 1.0)
