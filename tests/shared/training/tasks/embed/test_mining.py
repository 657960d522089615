import numpy as np
import pytest

from shared.errors import InputError
from shared.training.data.candidates import Candidates
from shared.training.tasks.embed.mining import documents_of, mine

EXAMPLES = [
    Candidates("red", ("rose",)),
    Candidates("red", ("tulip",)),
    Candidates("blue", ("sky",)),
    Candidates("sky", ("cloud",)),
]


def _vectors(*degrees: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


# The documents in order: rose, tulip, sky, cloud.
QUERIES, DOCUMENTS = _vectors(0, 0, 60, 62), _vectors(10, 20, 62, 80)


def test_the_nearest_that_answer_nothing() -> None:
    assert documents_of(EXAMPLES) == ["rose", "tulip", "sky", "cloud"]
    mined = mine(EXAMPLES, QUERIES, DOCUMENTS, negatives=1, max_similarity=0.99)
    # "tulip" answers "red" too, and "sky" is the very query of the last.
    assert [each.negatives for each in mined.examples] == [
        ("sky",), ("sky",), ("cloud",), ("tulip",),
    ]  # fmt: skip
    assert [each.positives for each in mined.examples] == [each.positives for each in EXAMPLES]
    assert mined.found_first == 1.0
    assert mined.positive_similarity > mined.negative_similarity


def test_what_is_nearly_as_near_as_the_answer_is_passed_over() -> None:
    mined = mine(EXAMPLES, QUERIES, DOCUMENTS, negatives=1, max_similarity=0.8)
    assert mined.examples[2].negatives == ("tulip",)


def test_without_a_limit_only_known_answers_are_passed_over() -> None:
    crossed = [Candidates("up", ("rose",)), Candidates("right", ("sky",))]
    queries, documents = _vectors(62, 10), _vectors(10, 62)
    with pytest.raises(InputError, match=r"0 of 2 documents .* at most 0\.95 times as similar"):
        mine(crossed, queries, documents, negatives=1, max_similarity=0.95)
    mined = mine(crossed, queries, documents, negatives=1, max_similarity=None)
    assert [each.negatives for each in mined.examples] == [("sky",), ("rose",)]


@pytest.mark.parametrize(("limit", "within"), [(0.99, ", and at most 0.99 times"), (None, ", and")])
def test_too_few_documents(limit: float | None, within: str) -> None:
    with pytest.raises(InputError, match=f"example 1: 2 of 4 .* no answer to its query{within}"):
        mine(EXAMPLES, QUERIES, DOCUMENTS, negatives=3, max_similarity=limit)
