"""Plain words: what once was a riddle to readers who know the field does not come back."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
RIDDLES = {
    r"anew": "again, rebuild, recreate",
    r"of (?:its|their|your|his|her|our|my) own": "its own, another, separate",
    r"sits?|sat|sitting|exams?": "evaluate, evaluation",
    r"comes? again|came again": "a duplicate, is read again",
    r"names? no (?:time )?zone|without a (?:time )?zone": "without time zone",
    r"is no (?:\w+ )?bundle": "not a bundle",
}
"""What is not written, as a pattern, and what is written instead."""

SUFFIXES = (".py", ".yaml", ".toml", ".html")
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
TEXTS_OF_OTHERS = ("sample", "shipped", "small_talk.yaml", "ordinary_words.py", Path(__file__).name)
"""Folders and files that hold words as data."""


def files() -> Iterator[Path]:
    """Code, configurations and the documents that tell of them."""
    yield from (ROOT / name for name in (*DOCUMENTS, "Makefile", "pyproject.toml"))
    for top in ("shared", "services", "pipelines", "tests", "infra"):
        for file in sorted((ROOT / top).rglob("*")):
            is_told = file.suffix in SUFFIXES or file.name == "README.md"
            if is_told and not set(file.relative_to(ROOT).parts) & set(TEXTS_OF_OTHERS):
                yield file


def test_no_riddles() -> None:
    pattern = re.compile("|".join(rf"(\b(?:{each})\b)" for each in RIDDLES), re.IGNORECASE)
    instead = list(RIDDLES.values())
    read, found = 0, []
    for file in files():
        read += 1
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
            for match in pattern.finditer(line):
                place = f"{file.relative_to(ROOT)}:{number}"
                found.append(f"{place}: {match[0]!r}: write {instead[(match.lastindex or 1) - 1]}")
    assert read > 500
    assert not found, "\n".join(found)


def test_a_riddle_is_seen() -> None:
    seen = [re.search(rf"\b(?:{each})\b", "it is made anew, of its own") for each in RIDDLES]
    assert [match is not None for match in seen] == [True, True, False, False, False, False]
