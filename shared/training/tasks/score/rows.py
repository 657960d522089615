"""Rows of queries with documents to score, and the formats that give them.

{"query": "lost my card", "document": "Block your card", "label": 1}
{"query": "lost my card", "positives": ["Block your card"], "negatives": ["Order a card"]}

A list may have `scores`, what a teacher (`pipelines.distil`) gives to its documents: [2.5, -1.0].
"""

from collections.abc import Mapping

from shared.training.data.candidates import Candidates, listed
from shared.training.data.formats import PLAIN, Columns, Format
from shared.training.data.reading import Row, RowError, text_cell, value_of
from shared.training.tasks.span.rows import question
from shared.validation.values import counted, found

LISTS = "lists"
"""The format of lists that a teacher scores."""

_MOST = 3.4e38
"""More is not a finite number in float32, in which scores are learned from."""


def scoring_formats(columns: Columns) -> Mapping[str, Format[Candidates]]:
    """What gives queries with documents; their columns have fixed names."""
    return {
        PLAIN: Format("queries, a document that answers each, and ones that do not", listed),
        LISTS: Format("queries, with documents that answer each, if any, and others", lists),
        "judged": Format("queries with a document each, relevant or not", judged),
        "squad-judged": Format("questions with a context each, which answers or not", squad_judged),
    }


def judged(row: Row) -> list[Candidates]:
    """A query with one `document`, whose `label` is 1 where it answers the query, else 0."""
    query, document, label = (
        text_cell(row, "query"),
        text_cell(row, "document"),
        value_of(row, "label"),
    )
    if str(label) not in ("0", "1"):
        raise RowError(f"'label' is {str(label)[:40]!r}: expected 1 (relevant) or 0")
    return [
        Candidates(query, (document,)) if str(label) == "1" else Candidates(query, (), (document,))
    ]


def lists(row: Row) -> list[Candidates]:
    """A query with `positives`, none where nothing answers it, and `negatives`.

    There may be `scores`, the logits of the positives and then of the negatives, by the bundle
    `teacher`.
    """
    positives, negatives = (_texts(row, column) for column in ("positives", "negatives"))
    if set(positives) & set(negatives):
        raise RowError("a text is both in 'positives' and in 'negatives': remove it from one")
    if not positives and not negatives:
        raise RowError("there is no document: give 'positives' or 'negatives'")
    scores = _scores(row, len(positives) + len(negatives))
    by = None if value_of(row, "teacher") is None else text_cell(row, "teacher")
    return [Candidates(text_cell(row, "query"), positives, negatives, scores, by)]


def _texts(row: Row, column: str) -> tuple[str, ...]:
    texts = value_of(row, column)
    if not isinstance(texts, list):
        raise RowError(f"{column!r} is not a list of texts")
    return tuple(text_cell({column: text}, column) for text in texts)


def _scores(row: Row, documents: int) -> tuple[float, ...] | None:
    """A teacher's logits; None where the row has none."""
    values = value_of(row, "scores")
    if values is None:
        return None
    if not isinstance(values, list):
        raise RowError(f"'scores' is {found(values)}: expected a list of numbers")
    if len(values) != documents:
        raise RowError(
            f"'scores' has {counted(len(values), 'number', 'numbers')} for "
            f"{counted(documents, 'document', 'documents')}: give one for each of the positives, "
            "then of the negatives (pipelines.distil does)"
        )
    return tuple(map(_score, values))


def _score(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RowError(f"'scores' has {found(value)}: expected a number")
    if not abs(value) <= _MOST:  # Nothing is at most another where one is not a number.
        raise RowError(f"'scores' has {found(value)}: expected a finite number of 32 bits")
    return float(value)


def squad_judged(row: Row) -> list[Candidates]:
    """The question with its context, which answers it or not."""
    return [
        Candidates(each.text, (each.context,))
        if each.answers
        else Candidates(each.text, (), (each.context,))
        for each in question(row)
    ]
