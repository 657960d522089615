from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sentiment.targets import find_mentions, mark, target_input

HEADLINE = "Reliance gains while Infosys tumbles"


def test_each_entity_is_asked_about_in_its_own_right() -> None:
    assert target_input(HEADLINE, "Reliance") == "@ Reliance @ gains while Infosys tumbles"
    assert target_input(HEADLINE, "Infosys") == "Reliance gains while @ Infosys @ tumbles"


@pytest.mark.parametrize(
    ("text", "entity", "found"),
    [
        ("Gold up; gold funds up", "gold", ["gold"]),
        ("GOLD up", "gold", ["GOLD"]),
        ("Sun Pharmas stocks surge", "Sun Pharma", []),
        ("Fed lifts rates", "F", []),
        ("Goldman gains", "Gold", []),
        ("Italy allows it", "it", ["it"]),
        ("It says that it falls", "IT", []),
        ("Buy IT stocks, it says", "IT", ["IT"]),
        ("ALL BANKS FALL", "ALL", []),
        ("ALL BANKS FALL (NYSE: ALL)", "ALL", ["ALL"]),
        ("a surge in A shares", "A", []),
        ("Ford (NYSE: F), $f, F.N and F", "F", ["F", "f", "F"]),
        ("U.S. bonds, the U.S market", "U", []),
        ("tcs falls", "TCS", ["tcs"]),
        ("Hero  MotoCorp", "Hero MotoCorp", ["Hero  MotoCorp"]),
        ("Mu\u0308ller gains", "Müller", ["Mu\u0308ller"]),
        ("Ａｐｐｌｅ gains", "Apple", ["Ａｐｐｌｅ"]),
        ("本日ソニー株が下落", "ソニー", ["ソニー"]),
        ("苹果公司股价下跌,苹果承认", "苹果", ["苹果", "苹果"]),
        ("本日Sony株が下落", "Sony", ["Sony"]),
        ("삼성전자가 하락", "삼성전자", ["삼성전자"]),
        ("Oil and oilseeds", "Oil", ["Oil"]),
        ("Infosys, Infosys!", "Infosys", ["Infosys", "Infosys"]),
        ("L&T (L&T) rises", " L&T ", ["L&T", "L&T"]),
        ("$TSLA falls", "TSLA", ["TSLA"]),
        ("Turmoil", "oil", []),
        ("Zürich fällt", "Zürich", ["Zürich"]),
        ("anything", " ", []),
    ],
)
def test_mentions_are_whole_words(text: str, entity: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in find_mentions(text, entity)] == found


def test_an_entity_that_is_not_named_stands_before_the_text() -> None:
    assert target_input(HEADLINE, "Tata Motors") == f"@ Tata Motors @ {HEADLINE}"


def test_nothing_to_mark() -> None:
    assert mark(HEADLINE, []) == ""


@given(st.text(max_size=40), st.text(min_size=1, max_size=6))
def test_a_mark_adds_and_changes_nothing_else(text: str, entity: str) -> None:
    asked = target_input(text, entity)
    found = find_mentions(text, entity)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert len(asked) == len(text) + (4 * len(found) or len(entity) + 5)
    assert asked.endswith(text) or found
