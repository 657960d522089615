"""Tests: lexicon."""

import json
from pathlib import Path

import pytest

from shared.errors import InputError
from shared.training.remedies.augment.inflection import bases_of, with_ed, with_ing, with_s
from shared.training.remedies.augment.lexicon import Lexicon, read_lexicon

ENTRIES: dict[str, dict[str, tuple[str, ...]]] = {
    "buy": {"v": ("purchase",), "n": ("bargain",)},
    "car": {"n": ("automobile", "motor")},
    "try": {"v": ("attempt", "think")},
    "stop": {"v": ("halt", "cease", "end it")},
    "quick": {"a": ("fast",)},
    "ordered": {"a": ("logical",)},
    "order": {"v": ("request",)},
}


@pytest.mark.parametrize(
    ("word", "before", "found"),
    [
        ("cars", "", ["automobiles", "motors"]),
        ("car", "a", ["motor"]),
        ("buy", "to", ["purchase"]),
        ("buy", "the", ["bargain"]),
        ("buy", "cars", []),
        ("tries", "", ["attempts"]),
        ("tried", "", ["attempted"]),
        ("stopped", "", ["halted", "ceased"]),
        ("stopping", "", ["halting", "ceasing"]),
        ("stop", "", ["halt", "cease", "end it"]),
        ("ordered", "", ["requested"]),
        ("quick", "", ["fast"]),
        ("will", "", []),
        ("unknown", "", []),
    ],
)
def test_a_synonym_has_the_form_and_the_part_of_speech_of_its_word(
    word: str, before: str, found: list[str]
) -> None:
    assert Lexicon(ENTRIES).synonyms(word, before) == found


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("card", ["cards", "carded", "carding"]),
        ("charge", ["charges", "charged", "charging"]),
        ("carry", ["carries", "carried", "carrying"]),
        ("play", ["plays", "played", "playing"]),
        ("stop", ["stops", "stopped", "stopping"]),
        ("commit", ["commits", "committed", "committing"]),
        ("miss", ["misses", "missed", "missing"]),
        ("tie", ["ties", "tied", "tying"]),
        ("agree", ["agrees", "agreed", "agreeing"]),
        ("need", ["needs", "needed", "needing"]),
        ("fix", ["fixes", "fixed", "fixing"]),
    ],
)
def test_regular_forms_and_back(base: str, forms: list[str]) -> None:
    assert [with_s(base), with_ed(base), with_ing(base)] == forms
    assert all(base in [found for found, *_ in bases_of(form)] for form in forms)


def test_every_fault_of_a_lexicon_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "words.jsonl"
    rows = [
        {"word": "car", "pos": "n", "synonyms": ["automobile"]},
        {"word": "car", "pos": "x", "synonyms": ["automobile"]},
        {"word": "car", "pos": "n", "synonyms": []},
        {"word": "car", "pos": "n", "synonyms": ["car"]},
        {"word": "", "pos": "n", "synonyms": ["car"]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with pytest.raises(InputError) as error:
        read_lexicon(path)
    said = str(error.value)
    for line, reason in [
        (2, "'pos' is 'x'"),
        (3, "'synonyms' is"),
        (4, "'car' has no synonym but itself"),
        (5, "'word' is empty"),
    ]:
        assert f"{path}:{line}: {reason}" in said
