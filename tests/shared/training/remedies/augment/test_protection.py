"""Tests: protection."""

from pathlib import Path

import pytest

from shared.errors import InputError
from shared.training.remedies.augment.protection import protect, read_names, survived


def _protected(text: str) -> list[str]:
    passage = protect(text)
    return [text[start:end] for start, end in passage.protected]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("I do not owe 3.50 for it", ["not", "3.50"]),
        ("It didn't arrive and never will, nor can't it", ["didn't", "never", "nor", "can't"]),
        ("profit rose to $2.4bn, up 12% in Q3", ["$2.4bn", "12%", "Q3"]),
        ("buy $F and AAPL (NYSE: GE) now", ["$F", "AAPL", "NYSE", "GE"]),
        ("shares of Infosys and Tata Motors fall", ["Infosys", "Tata", "Motors"]),
        ("Infosys gains", ["Infosys"]),
        ("Profit gains", []),
        ("Please say when I'm paid", []),
        ("Profits Rise At Infosys Again", ["Infosys"]),
        ("I'm Sure What Happened Was It", []),
        ("see https://a.example/b and @ Tata @ up", ["https://a.example/b", "@ Tata @"]),
        ("write to a.b+c@mail.example.com or @desk", ["a.b+c@mail.example.com", "@desk"]),
        ("cancel order {{Order Number}} please", ["{{Order Number}}"]),
        ("two of three million cards", ["two", "three", "million"]),
        ("利润没有上涨5%", ["没", "5%"]),
    ],
)
def test_names_numbers_tickers_and_negations_are_protected(text: str, kept: list[str]) -> None:
    assert sorted(_protected(text)) == sorted(kept)


def test_labelled_stretches_are_protected_and_overlaps_are_one() -> None:
    passage = protect("we like the big 5 company", [(8, 17), (12, 25)])
    assert passage.protected == ((8, 25),)


@pytest.mark.parametrize(
    ("before", "after", "is_so"),
    [
        ("it isn't 5% up", "5% up it is not", True),
        ("it isn't up", "it is up", False),
        ("it is up", "it is not up", False),
        ("it is 5% up", "it is 6% up", False),
        ("it is up", "it is 5% up", False),
        ("Infosys beats Infosys", "Infosys beats", False),
        ("shares of Infosys fall", "shares of infosys fall", False),
        ("shares of Infosys fall", "Infosys shares drop", True),
    ],
)
def test_what_did_not_survive_is_seen(before: str, after: str, is_so: bool) -> None:
    assert survived(protect(before), after) is is_so


def test_listed_names_are_protected_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("gold\n\nblue chip\n", "utf-8")
    text = "Gold and blue chip funds, golden ones"
    passage = protect(text, names=read_names(path))
    assert [text[start:end] for start, end in passage.protected] == ["Gold", "blue chip"]


def test_every_fault_of_a_list_of_names_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text(f"gold\n--\n{'x' * 201}\n", "utf-8")
    with pytest.raises(InputError) as error:
        read_names(path)
    assert f"{path}:2: '--' has neither" in str(error.value)
    assert f"{path}:3: a name of 201 characters: at most 200" in str(error.value)


def test_an_empty_or_missing_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    with pytest.raises(InputError, match="cannot be read"):
        read_names(path)
    path.write_text("\n", "utf-8")
    with pytest.raises(InputError, match="lists no names"):
        read_names(path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["买入", "a", "a@", "@ ", "n't", "A.", "1,", "{{"])
def test_long_texts_take_time_in_proportion(piece: str) -> None:
    text = piece * 50_000
    assert survived(protect(text), text)
