"""Pairs against their definition, in any order of arrival."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shared.ranking.behaviour.cooccurrence import Cooccurrence, Neighbours
from shared.ranking.behaviour.history import History

Visit = tuple[int, int, int]
"""Time in seconds, key and row."""

DISTANCE, WINDOW_S = 2, 5.0


def visits_of(pairs: list[tuple[int, int]]) -> list[Visit]:
    return [(time, key, row) for key, (time, row) in enumerate(pairs)]


VISITS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), max_size=14).map(visits_of)


def counted(visits: list[Visit]) -> Cooccurrence:
    pairs, history = Cooccurrence(DISTANCE, WINDOW_S, 50), History()
    pairs.grow(5)
    for time, key, row in visits:
        place = history.insert(time * 1000, key, row, 1.0, 0, 200)
        assert place is not None
        pairs.add(history, place)
    return pairs


def found(rows_and_weights: tuple[object, object]) -> dict[int, float]:
    rows, weights = rows_and_weights
    return dict(zip(rows.tolist(), weights.tolist(), strict=True))  # type: ignore[attr-defined]


@given(VISITS, st.randoms(use_true_random=False))
def test_pairs_are_those_of_the_finished_history(visits: list[Visit], random: object) -> None:
    expected: Counter[tuple[int, int]] = Counter()
    ordered = sorted(visits)
    for place, (time, _, row) in enumerate(ordered):
        for later, _, other in ordered[place + 1 : place + 1 + DISTANCE]:
            if row != other and later - time <= WINDOW_S:
                expected[row, other] += 1
    random.shuffle(visits)  # type: ignore[attr-defined]
    pairs = counted(visits)
    for row in range(5):
        after = {two: number for (one, two), number in expected.items() if one == row}
        before = {one: number for (one, two), number in expected.items() if two == row}
        assert found(pairs.after([row], [1.0])) == after
        assert found(pairs.before([row], [1.0])) == before
        assert pairs.support[row] == sum(1 for visit in visits if visit[2] == row)


def test_neighbours_keep_the_strongest() -> None:
    neighbours = Neighbours()
    for row in (5, 1, 3, 2):
        neighbours.add(row, float(row), kept=2)
    assert neighbours.rows.tolist() == [1, 2, 3, 5]
    neighbours.add(4, 0.5, kept=2)
    assert neighbours.rows.tolist() == [3, 5]
    assert neighbours.weights.tolist() == [3.0, 5.0]
    neighbours.add(9, -1.0, kept=2)
    neighbours.add(3, -3.0, kept=2)
    assert neighbours.rows.tolist() == [5]


def test_factors_weigh_and_unknown_rows_have_no_neighbours() -> None:
    pairs = counted([(0, 0, 1), (1, 1, 2)])
    rows, weights = pairs.after([1, 4, 2], [0.5, 1.0, 1.0])
    assert (rows.tolist(), weights.tolist()) == ([2], [0.5])
