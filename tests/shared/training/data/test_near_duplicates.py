"""What is found is what comparing every text to every other would find."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.training.data.near_duplicates import near_pairs, normalised

WORDS = ["card", "lost", "where", "payment", "my", "is", "the", "order", "银行", "é"]


def _shingles(text: str) -> set[str]:
    text = normalised(text)
    padded = f" {text} ".ljust(4, "\0") if text else ""
    return {padded[i : i + 4] for i in range(len(padded) - 3)}


def _similarity(first: str, second: str) -> float:
    one, other = _shingles(first), _shingles(second)
    return len(one & other) / len(one | other) if one | other else 0.0


def _found(texts: list[str], similarity: float) -> dict[tuple[int, int], float]:
    sets = np.arange(len(texts))
    found: dict[tuple[int, int], float] = {}
    for pairs in near_pairs(texts, sets, similarity):
        both = zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
        found |= dict(zip(both, pairs.similarity.tolist(), strict=True))
    return found


@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), max_size=25),
    st.sampled_from([0.5, 0.7, 0.8, 1.0]),
)
def test_finds_each_pair_that_is_similar_enough(texts: list[str], similarity: float) -> None:
    expected = {
        (i, j): _similarity(texts[i], texts[j])
        for i, j in combinations(range(len(texts)), 2)
        if _similarity(texts[i], texts[j]) >= similarity
    }
    assert _found(texts, similarity) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("Where is my card?", "where is my  CARD", True),
        ("Yes!", "yes", True),
        ("I lost my card yesterday evening", "I lost my card yesterday evenings", True),
        ("Where is my card?", "Who stole my phone?", False),
        ("!!!", "???", False),
        ("", "", False),
    ],
)
def test_what_is_near(one: str, other: str, near: bool) -> None:
    assert bool(_found([one, other], 0.8)) is near


def test_texts_of_one_template_are_shown_by_some_pair() -> None:
    texts = [
        f"please tell me where the order that I made last week is, number {i}" for i in range(2000)
    ]
    shown = np.zeros(len(texts), bool)
    total = 0
    for pairs in near_pairs(texts, np.zeros(len(texts), np.int64), 0.8):
        shown[pairs.first] = shown[pairs.second] = True
        total += len(pairs.first)
    assert shown.all()
    assert total < 200_000
