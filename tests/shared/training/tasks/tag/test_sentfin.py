import json
from pathlib import Path

import pytest

from shared.errors import InputError
from shared.training.data.formats import Columns
from shared.training.data.reading import Row, RowError, read_rows
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.rows import labelled_formats
from shared.training.tasks.classify.sentfin import opposed_targets, single, targets
from shared.training.tasks.kinds import KINDS
from shared.training.tasks.tag import sentfin
from shared.training.tasks.tag.examples import Entity
from shared.training.tasks.tag.rows import tagged_formats

TWO = {
    "text": "Reliance gains while Infosys tumbles",
    "entities": {"Reliance": "positive", "Infosys": "negative"},
}
ONE = {"text": "MMTC Q2 net loss at Rs 10.4 crore", "entities": {"MMTC": "negative"}}


def _names(text: str, *names: str) -> list[str]:
    row = {"text": text, "entities": dict.fromkeys(names, "neutral")}
    (example,) = sentfin.names(row)
    return [text[entity.start : entity.end] for entity in example.entities]


def test_a_headline_with_one_entity_has_its_label() -> None:
    assert single(ONE) == [Example(ONE["text"], "negative")]  # type: ignore[arg-type]
    assert single(TWO) == []


def test_each_entity_is_marked_in_turn() -> None:
    marked = [
        Example("@ Reliance @ gains while Infosys tumbles", "positive"),
        Example("Reliance gains while @ Infosys @ tumbles", "negative"),
    ]
    assert targets(TWO) == opposed_targets(TWO) == marked
    assert opposed_targets(ONE) == []


def test_names_are_stretches_of_the_headline() -> None:
    (example,) = sentfin.names(TWO)
    assert example.entities == (Entity(0, 8, "entity"), Entity(21, 28, "entity"))


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("Tata Motors leads Tata group", ["Tata", "Tata Motors"], ["Tata Motors", "Tata"]),
        ("Sun Pharmas stocks surge", ["Sun Pharma"], ["Sun Pharmas"]),
        ("Bajaj Holdings and Frank Russell", ["Bajaj neutralings", "Frank Rusnegative"],
         ["Bajaj Holdings", "Frank Russell"]),
        ("CVCI ropes in Citigroup", [" Citigroup"], ["Citigroup"]),
        ("F&O: 'F&O' today", ["F&O"], ["F&O", "F&O"]),
    ],
)  # fmt: skip
def test_names_are_found_as_they_are_written(text: str, names: list[str], found: list[str]) -> None:
    assert _names(text, *names) == found


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"text": "x", "entities": {}}, "not an object of names"),
        ({"text": "x", "entities": [1]}, "not an object of names"),
        ({"text": "x", "entities": {"x": "good"}}, "says 'good' of 'x'"),
        ({"text": "x", "entities": {"x": ["neutral"]}}, "says \\['neutral'\\] of 'x'"),
        ({"text": "x", "entities": {" ": "neutral"}}, "expected a name"),
        ({"text": "x", "entities": {"Reliance": "neutral"}}, "does not stand in its text"),
        ({"entities": {"x": "neutral"}}, "has no column 'text'"),
    ],
)
def test_rows_that_cannot_be_used(row: Row, fault: str) -> None:
    with pytest.raises(RowError, match=fault):
        sentfin.names(row)


def test_a_file_is_read_by_its_format(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in (ONE, TWO)))
    labelled = labelled_formats(Columns())
    assert len(read_rows([(path, labelled["sentfin-single"].read)])) == 1
    assert len(read_rows([(path, labelled["sentfin-targets"].read)])) == 3
    assert len(read_rows([(path, tagged_formats(Columns())["sentfin-names"].read)])) == 2
    path.write_text(json.dumps({"text": "x", "entities": {"y": "neutral"}}))
    with pytest.raises(InputError, match=r"s\.jsonl:1: names 'y'"):
        read_rows([(path, labelled["sentfin-targets"].read)])


def test_every_format_says_what_it_gives() -> None:
    formats = [each for kind in KINDS for each in kind.formats(Columns()).values()]
    assert len(formats) == 19
    assert all(each.examples for each in formats)
