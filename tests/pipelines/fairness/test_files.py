"""The names, sentences and behavioural tests that ship: what measures is not what trains."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "pipelines" / "fairness"
MOST_SHARED = 0.5
"""The largest share of their words that two sentences may have in common."""


def lines(file: str, kind: str) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in (FOLDER / file).read_text("utf-8").splitlines()]
    found = [line for line in read if line["kind"] == kind]
    assert found
    return found


def names(file: str) -> list[str]:
    return [name for line in lines(file, "names") for name in line["names"]]


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", re.sub(r"\{\w+\}", "", text).lower()))


@pytest.mark.parametrize("file", ["measure.jsonl", "train.jsonl"])
def test_groups_have_names_enough(file: str) -> None:
    groups = lines(file, "names")
    assert len(groups) >= 8
    assert len({(line["groups"]["gender"], line["groups"]["origin"]) for line in groups}) >= 8
    assert all(len(set(line["names"])) == len(line["names"]) >= 20 for line in groups)
    assert all(line["source"] for line in groups)


def test_a_name_stands_in_one_group_of_one_file() -> None:
    everywhere = Counter(names("measure.jsonl") + names("train.jsonl"))
    assert not [name for name, count in everywhere.items() if count > 1]


@pytest.mark.parametrize("file", ["measure.jsonl", "train.jsonl"])
def test_valences_are_in_balance(file: str) -> None:
    counts = Counter(line["label"] for line in lines(file, "template"))
    assert counts == {"negative": 20, "neutral": 20, "positive": 20}


def test_no_two_sentences_are_alike() -> None:
    texts = [
        line["text"]
        for file in ("measure.jsonl", "train.jsonl")
        for line in lines(file, "template")
    ]
    assert len(texts) >= 120
    alike = [
        (one, other)
        for one, other in combinations(texts, 2)
        if len(words(one) & words(other)) / len(words(one) | words(other)) > MOST_SHARED
    ]
    assert not alike


def test_what_trains_is_not_in_the_behavioural_tests() -> None:
    trained = {line["text"] for line in lines("train.jsonl", "template")}
    slots = [re.compile(re.sub(r"\\\{\w+\\\}", r"\\w+", re.escape(text))) for text in trained]
    cases = lines("behaviour.jsonl", "invariance") + lines("behaviour.jsonl", "direction")
    cases += lines("behaviour.jsonl", "minimum_functionality")
    texts = [text for case in cases for text in (case["text"], *case.get("variants", ()))]
    assert not [text for text in texts if any(slot.fullmatch(text) for slot in slots)]
    assert not [name for name in names("train.jsonl") for text in texts if name in text.split()]


def test_negation_has_cases_enough() -> None:
    cases = lines("behaviour.jsonl", "minimum_functionality")
    assert len([case for case in cases if case["capability"] == "negation"]) >= 80
