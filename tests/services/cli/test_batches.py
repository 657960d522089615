"""Batches end where the next item would be one, or a byte, too many."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.cli.batches import batches


@given(st.lists(st.integers(0, 12)), st.integers(1, 5), st.integers(1, 10))
def test_batches_hold_every_item_and_no_more_than_fits(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    made = list(batches(sizes, lambda size: size, most=most, most_bytes=most_bytes))

    assert [size for batch in made for size in batch] == sizes
    assert all(0 < len(batch) <= most for batch in made)
    assert all(len(batch) == 1 or sum(batch) <= most_bytes for batch in made)
    for batch, following in pairwise(made):
        assert len(batch) == most or sum(batch) + following[0] > most_bytes
