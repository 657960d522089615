"""Tests: edits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.training.remedies.augment.edits import Edit, Edits, Passage, edited, moved


@st.composite
def _texts_with_edits(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text(max_size=40))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return text, [Edit(start, end, draw(st.text(max_size=5))) for start, end in pairs]


@given(_texts_with_edits(), st.data())
def test_what_no_edit_touches_is_found_where_it_moved_to(
    drawn: tuple[str, Edits], data: st.DataObject
) -> None:
    text, edits = drawn
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    after = edited(text, edits)
    stretch = moved((start, end), edits)
    is_touched = any(
        edit.start < end and start < edit.end and not edit.end <= start for edit in edits
    )
    assert (stretch is None) == is_touched
    if stretch is not None:
        assert after[stretch[0] : stretch[1]] == text[start:end]
        # The reference: what stands before it, edited by itself.
        before = [edit for edit in edits if edit.end <= start]
        assert stretch[0] == len(edited(text[:start], before))


def test_an_insertion_at_an_edge_does_not_belong_to_the_stretch() -> None:
    edits = [Edit(2, 2, "xx"), Edit(4, 4, "yy")]
    assert edited("a bc d", edits) == "a xxbcyy d"
    assert moved((2, 4), edits) == (4, 6)
    assert moved((1, 3), edits) is None


@pytest.mark.parametrize("edits", [[Edit(2, 4, ""), Edit(3, 5, "")], [Edit(5, 9, "")]])
def test_edits_that_overlap_or_reach_beyond_the_text_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="does not follow"):
        edited("abcdef", edits)


@given(st.sets(st.integers(0, 30), max_size=10).map(sorted), st.integers(0, 30), st.integers(0, 30))
def test_what_overlaps_something_protected_is_not_free(
    cuts: list[int], one: int, other: int
) -> None:
    start, end = sorted((one, other))
    protected = tuple(zip(cuts[::2], cuts[1::2], strict=False))
    overlaps = any(first < end and start < last for first, last in protected)
    assert Passage("x" * 30, protected).is_free(start, end) is not overlaps


def test_beside_what_is_protected_a_word_may_be_inserted() -> None:
    passage = Passage("a bc d", ((2, 4),))
    free = [place for place in range(7) if passage.is_free(place, place)]
    assert free == [0, 1, 2, 4, 5, 6]
    assert not passage.is_free(0, 3)
    assert np.all([passage.is_free(0, 2), passage.is_free(4, 6)])
