from collections.abc import Sequence

import numpy as np

from shared.training.data.arrays import Int64s
from shared.training.data.examples import AnyExample
from shared.training.data.findings import findings
from shared.training.data.report import report_data
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.span.rows import Question


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


def test_what_was_done_and_labels_written_in_two_ways_are_told() -> None:
    train = [Example("one", "Good"), Example("two", "good"), Example("three", "good")]
    report = report_data(
        "t", {"train": train, "gate": []}, near_duplicate=0.8, count_tokens=_words, max_length=6
    ).model_copy(update={"notes": ("2 rows of train left out",)})
    assert findings(report) == [
        "2 rows of train left out",
        "'good' (2 rows, such as 'two') and 'Good' (1 row, such as 'one') are separate labels "
        "that differ in writing alone: write them alike if they mean the same",
    ]


def test_leaks_between_all_four_parts_are_told() -> None:
    parts = {
        part: [Example(f"{part} text", "a"), Example(text, "a")]
        for part, text in zip(
            ("train", "choice", "calibration", "gate"),
            ("twice one", "in two", "in two", "twice one"),
            strict=True,
        )
    }
    assert _findings(**parts) == [
        "1 of 2 in gate (50.0%) stand in train too, exactly or nearly",
        "1 of 2 in calibration (50.0%) stand in choice too, exactly or nearly",
    ]
