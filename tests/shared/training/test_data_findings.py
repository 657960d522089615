from collections.abc import Sequence

import numpy as np

from shared.training.arrays import Int64s
from shared.training.data_findings import findings
from shared.training.data_report import AnyExample, report_data
from shared.training.examples import Example, Question


def _words(rows: Sequence[str | tuple[str, str]]) -> Int64s:
    texts = [row if isinstance(row, str) else " ".join(row) for row in rows]
    return np.array([len(text.split()) for text in texts], np.int64)


def _findings(**sets: Sequence[AnyExample]) -> list[str]:
    report = report_data("t", sets, near_duplicate=0.8, count_tokens=_words, max_length=6)
    return findings(report)


def test_nothing_is_said_of_data_that_are_well() -> None:
    assert _findings(train=[Example("one", "a"), Example("two", "b")], dev=[]) == []


def test_a_line_for_each_thing_that_is_wrong() -> None:
    train = [Example(f"text {i} is about {i * i}", "a") for i in range(20)]
    train += [Example("where is my card", "b"), Example("where is my card", "a")]
    dev = [Example("Where is my card?", "b"), Example("where is my card", "c")]
    said = _findings(train=train, dev=[*dev, Example("one two three four five six seven", "a")])
    assert said == [
        "2 of 3 in dev (66.7%) stand in train too, exactly or nearly; 1 of them with another label",
        "1 of 22 in train (4.5%) stand twice, exactly or nearly; 1 of them with another label",
        "'a' stands 21 times in train, 'b' 1",
        "1 of 3 in dev have more than 6 tokens",
    ]


def test_passages_that_leak_are_told() -> None:
    context = "The college was founded"
    said = _findings(train=[Question("when", context)], dev=[Question("who", context)])
    assert said == [
        "1 of 1 in dev (100.0%, by their context) stand in train too, exactly or nearly"
    ]
