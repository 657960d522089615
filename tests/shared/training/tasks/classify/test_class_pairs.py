from collections import Counter

import numpy as np

from shared.training.data.arrays import TokenArrays
from shared.training.tasks.classify.class_pairs import pairs_across, pairs_within


def _texts(classes: int, each: int) -> TokenArrays:
    """A text is one token, which is its number."""
    n = classes * each
    return TokenArrays.of([[i] for i in range(n)], [i % classes for i in range(n)])


def test_each_text_stands_beside_others_of_its_class() -> None:
    texts = _texts(classes=3, each=4)
    pairs = pairs_within(texts, 50, seed=0)
    rows = pairs.tokens.reshape(-1, 2)
    assert len(pairs) == 12 * 50
    assert (rows[:, 0] != rows[:, 1]).all()
    assert (rows[:, 0] % 3 == rows[:, 1] % 3).all()
    # All three others of its class, each about as often.
    partners = Counter(rows[rows[:, 0] == 5, 1].tolist())
    assert set(partners) == {2, 8, 11}
    assert (pairs.targets.reshape(-1, 2) == rows % 3).all()


def test_queries_stand_beside_one_text_of_their_class() -> None:
    texts, queries = _texts(classes=3, each=4), _texts(classes=3, each=2)
    pairs = pairs_across(queries, texts, seed=0)
    rows = pairs.tokens.reshape(-1, 2)
    assert rows[:, 0].tolist() == list(range(6))
    assert (rows[:, 1] % 3 == rows[:, 0] % 3).all()
    assert len(np.unique(rows[:, 1])) == 3
