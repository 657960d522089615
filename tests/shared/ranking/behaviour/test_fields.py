"""Fields merged from events: which one holds, what an event did, and how many are kept."""

import itertools

from shared.ranking.behaviour.fields import Age, Effect, MergedFields
from shared.ranking.events import Told


def test_events_in_any_order_give_the_same_fields() -> None:
    told: list[tuple[Told, Age]] = [
        ({"a": 1.0, "b": "x"}, (1, 0)),
        ({"a": 2.0}, (2, 0)),
        ({"b": None}, (3, 0)),
        ({"a": 3.0, "c": "y"}, (2, 1)),
    ]
    for order in itertools.permutations(told):
        merged = MergedFields()
        for fields, age in order:
            merged.take(fields, age)
        assert merged.values == {"a": 3.0, "c": "y"}
        assert merged.ages == {"a": (2, 1), "b": (3, 0), "c": (2, 1)}


def test_what_an_event_did_is_told() -> None:
    merged = MergedFields()
    assert merged.take({"a": 1.0}, (5, 0)) is Effect.CHANGED
    assert merged.take({"a": 1.0}, (6, 0)) is Effect.UNCHANGED
    assert merged.take({"a": 2.0}, (5, 0)) is Effect.OLDER
    assert merged.take({}, (1, 0)) is Effect.UNCHANGED
    assert merged.take({"b": None}, (7, 0)) is Effect.UNCHANGED
    assert merged.take({"a": 2.0, "b": "x"}, (6, 5)) is Effect.CHANGED
    assert merged.values == {"a": 2.0}


def test_names_without_end_forget_the_oldest() -> None:
    merged = MergedFields()
    for number in range(1_000):
        merged.take({f"f{number}": 1.0}, (number, 0))
    assert list(merged.values) == list(merged.ages) == [f"f{number}" for number in range(744, 1000)]
