"""What the report says of small sets, by hand."""

from collections.abc import Sequence

import numpy as np

from shared.training.data.arrays import Int64s
from shared.training.data.candidates import Candidates
from shared.training.data.examples import AnyExample
from shared.training.data.overlaps import Overlap
from shared.training.data.report import WHOLE, DataReport, report_data
from shared.training.tasks.classify.examples import Example, MultiLabelled
from shared.training.tasks.span.rows import Question
from shared.training.tasks.tag.examples import Entity, TaggedExample

CARD = "I have lost my card somewhere in the city"


def _words(rows: Sequence[str | tuple[str, str]]) -> Int64s:
    texts = [row if isinstance(row, str) else " ".join(row) for row in rows]
    return np.array([len(text.split()) for text in texts], np.int64)


def _report(**sets: Sequence[AnyExample]) -> DataReport:
    return report_data("t", sets, near_duplicate=0.8, count_tokens=_words, max_length=5)


def _overlap(report: DataReport, view: str, name: str, within: str) -> Overlap:
    return next(o for o in report.overlaps[view] if (o.name, o.within) == (name, within))


def test_repeats_and_leaks() -> None:
    train = [
        Example(CARD, "lost"),
        Example(f"{CARD} ", "stolen"),
        Example(f"{CARD}!", "lost"),
        Example("Where is my money?", "transfer"),
    ]
    dev = [
        Example(CARD, "limit"),
        Example("Where is my money?", "transfer"),
        Example(f"{CARD}, I think", "lost"),
        Example("How high is my limit?", "limit"),
    ]
    report = _report(train=train, dev=dev)
    within = _overlap(report, WHOLE, "train", "train")
    assert (within.exact, within.contradicting, within.near) == (1, 1, 2)
    leak = _overlap(report, WHOLE, "dev", "train")
    assert (leak.texts, leak.exact, leak.contradicting, leak.near) == (4, 2, 1, 1)
    assert leak.share == 0.75
    assert leak.shown[0].labels == ("limit",)
    assert leak.shown[0].other_labels == ("lost",)
    assert leak.shown[2].text == f"{CARD}, I think"
    assert 0.8 <= leak.shown[2].similarity < 1
    assert list(report.overlaps) == [WHOLE]


def test_labels_and_lengths() -> None:
    report = _report(
        train=[Example("one two", "a")] * 3 + [Example("one two three four five six", "b")], dev=[]
    )
    train = report.sets["train"]
    assert train.labels == {"a": 3, "b": 1}
    assert train.imbalance == 3
    assert (train.lengths.median, train.lengths.longest, train.lengths.cut) == (2, 6, 1)
    assert report.sets["dev"].examples == 0
    assert DataReport.model_validate_json(report.model_dump_json()) == report


def test_each_text_of_an_example_is_compared() -> None:
    context = "The college was founded in 1865 and merged with another one in 1977"
    report = _report(
        train=[Question("When was it founded?", context, ("1865",), 27)],
        dev=[Question("Who leads it?", context), Question("Why?", "Nobody knows")],
    )
    assert _overlap(report, WHOLE, "dev", "train").share == 0
    assert _overlap(report, "question", "dev", "train").share == 0
    assert _overlap(report, "context", "dev", "train").exact == 1
    assert report.sets["dev"].labels == {"unanswerable": 2}


def test_kinds_without_classes() -> None:
    report = _report(
        train=[Candidates("lost card", ("Block it",), ("Order one",))],
        dev=[Candidates("card lost", ("Order one",))],
    )
    assert _overlap(report, "documents", "dev", "train").exact == 1
    assert report.sets["train"].labels == {}
    several = _report(train=[MultiLabelled(("one", "two"), ("a", "b"))], dev=[])
    assert several.sets["train"].labels == {"a": 1, "b": 1}
    assert list(several.overlaps) == [WHOLE, "first", "second"]
    tagged = _report(train=[TaggedExample("Acme rises", (Entity(0, 4, "entity"),))], dev=[])
    assert tagged.sets["train"].labels == {"entity": 1}
