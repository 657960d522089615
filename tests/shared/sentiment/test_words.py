"""Words and names: what is one, where a word ends, and which of two overlapping mentions stays."""

import sys
import unicodedata
from itertools import pairwise
from types import FrameType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.sentiment.words import Stretch, Words, fold, longest

NAMES = st.sampled_from(["Apple", "Gold", "Fed", "Müller", "AT&T", "Sun Pharma", "Żabka", "Eni"])
LETTERS = st.text(st.sampled_from("abcxyzäöñ"), min_size=1, max_size=4)
GAPS = st.sampled_from([" ", ", ", " - ", "\n", " (", "; "])
CHINESE = st.text(st.sampled_from("本日株価下落公司报告今天"), max_size=5)


@given(NAMES, LETTERS, st.booleans())
def test_a_name_in_a_longer_word_is_no_mention(name: str, letters: str, is_before: bool) -> None:
    word = letters + name if is_before else name + letters
    assert Words(f"Then {word} rose").mentions(name) == []


@given(st.lists(st.tuples(LETTERS, GAPS), max_size=5), NAMES, st.sampled_from(["NFC", "NFD"]))
def test_a_name_between_words_is_a_mention(
    parts: list[tuple[str, str]], name: str, form: str
) -> None:
    before = "".join(word + gap for word, gap in parts)
    written = unicodedata.normalize("NFD" if form == "NFD" else "NFC", name)
    text = f"{before}{written} rose"
    assert (len(before), len(before) + len(written)) in Words(text).mentions(name)


@given(CHINESE, st.sampled_from(["苹果", "ソニー", "Sony", "小米"]), CHINESE)
def test_scripts_without_spaces_need_no_edges(before: str, name: str, after: str) -> None:
    text = before + name + after
    assert (len(before), len(before) + len(name)) in Words(text).mentions(name)


def test_a_text_full_of_near_misses_costs_no_step_for_each_of_them() -> None:
    words, name = Words("本" * 20_000), "本" * 199 + "日"
    steps = 0

    def count(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal steps
        steps += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        found = words.mentions(name)
    finally:
        sys.settrace(before)
    assert found == []
    # The name itself is cut into its words, and the text is searched as a whole.
    assert steps < 10_000


def test_mentions_of_a_name_that_repeats_itself_do_not_overlap() -> None:
    assert Words("so so so so so").mentions("so so") == [(0, 5), (6, 11)]


@given(NAMES, st.sampled_from([str.upper, str.lower, str.title, str.swapcase]))
def test_spellings_of_a_name_fold_to_one(name: str, change: object) -> None:
    assert callable(change)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, change(name))) == fold(name)
    assert fold(f" {name.replace(' ', '  ')} ") == fold(name)


@given(
    st.lists(st.integers(0, 30).flatmap(lambda a: st.tuples(st.just(a), st.integers(a + 1, 35))))
)
def test_of_overlapping_stretches_the_longest_stay(stretches: list[Stretch]) -> None:
    kept = longest(stretches)
    assert kept <= set(stretches)
    assert all(before[1] <= after[0] for before, after in pairwise(sorted(kept)))
    for start, end in set(stretches) - kept:
        rivals = [one for one in kept if one[0] < end and start < one[1]]
        assert max(b - a for a, b in rivals) >= end - start
