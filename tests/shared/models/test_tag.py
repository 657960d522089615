import numpy as np
import pytest

from shared.models.rows import Content
from shared.models.tag import bio_labels, decode_tags, word_stretches

TYPES = ("PER", "LOC")
#          Ann    Smith   ##son   in      New      York
OFFSETS = [[0, 3], [4, 9], [9, 12], [13, 15], [16, 19], [20, 24]]
CONTENT = Content(np.array(OFFSETS), np.array([0, 1, 1, 2, 3, 4]))


def decode(labels: str) -> tuple[tuple[int, int, str], ...]:
    order = bio_labels(TYPES)
    chosen = [order.index(label) for label in labels.split()]
    probabilities = np.full((len(chosen), len(order)), 0.1, np.float32)
    probabilities[np.arange(len(chosen)), chosen] = 0.6
    spans = decode_tags(probabilities, CONTENT, TYPES)
    assert all(span.score == pytest.approx(0.6) for span in spans)
    return tuple((span.start, span.end, span.label) for span in spans)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("O O O O O O", ()),
        ("B-PER I-PER O O B-LOC I-LOC", ((0, 12, "PER"), (16, 24, "LOC"))),
        ("B-PER B-PER O O O O", ((0, 3, "PER"), (4, 12, "PER"))),
        ("O I-PER O O O O", ((4, 12, "PER"),)),
        ("B-PER I-LOC O O O O", ((0, 3, "PER"), (4, 12, "LOC"))),
        ("O O B-LOC O O O", ()),
        ("O O O O B-LOC O", ((16, 19, "LOC"),)),
    ],
)
def test_entities_span_whole_words(labels: str, expected: tuple[tuple[int, int, str], ...]) -> None:
    assert decode(labels) == expected


def test_the_score_is_the_mean_over_words() -> None:
    probabilities = np.zeros((6, 5), np.float32)
    probabilities[:, 0] = 0.5
    probabilities[0, 1], probabilities[1, 2] = 0.9, 0.7
    spans = decode_tags(probabilities, CONTENT, TYPES)
    assert [(span.start, span.end) for span in spans] == [(0, 12)]
    assert spans[0].score == pytest.approx(0.8)


def test_the_first_piece_of_each_word_speaks_for_it() -> None:
    assert word_stretches(CONTENT.words) == [(0, 1), (1, 3), (3, 4), (4, 5), (5, 6)]
    assert word_stretches(np.zeros(0, np.int64)) == []


def test_no_tokens_no_entities() -> None:
    empty = Content(np.zeros((0, 2), np.int64), np.zeros(0, np.int64))
    assert decode_tags(np.zeros((0, 5), np.float32), empty, TYPES) == ()
