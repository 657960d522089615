import pytest

from shared.errors import InputError
from shared.training.examples import check_examples
from shared.training.reading import Example

TRAIN = [Example("a1", "b"), Example("a2", "a"), Example("a3", "a"), Example("a4", "b")]


def test_labels_are_sorted_and_the_fingerprint_tells_rows_apart() -> None:
    data = check_examples(TRAIN, TRAIN[:1])
    assert data.labels == ("a", "b")
    assert data.fingerprint() == check_examples(list(TRAIN), TRAIN[:1]).fingerprint()
    assert data.fingerprint() != check_examples(TRAIN, TRAIN[1:2]).fingerprint()
    assert data.fingerprint() != check_examples(TRAIN[::-1], TRAIN[:1]).fingerprint()


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        check_examples(
            [*TRAIN, Example("once", "rare")], [Example("x", "new"), Example("y", "new")]
        )
    assert "class 'rare' has 1 example" in str(caught.value)
    assert "dev: label 'new' (2 rows)" in str(caught.value)


def test_needs_two_classes() -> None:
    with pytest.raises(InputError, match="at least two"):
        check_examples([Example("1", "a"), Example("2", "a")], [])
