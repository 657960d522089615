"""Rows of queries with documents to score, and the formats that give them.

{"query": "lost my card", "document": "Block your card", "label": 1}
{"query": "lost my card", "positives": ["Block your card"], "negatives": ["Order a card"]}
"""

from collections.abc import Mapping

from shared.training.data.candidates import Candidates, listed
from shared.training.data.formats import PLAIN, Columns, Format
from shared.training.data.reading import Row, RowError, text_cell, value_of
from shared.training.tasks.span.rows import question


def scoring_formats(columns: Columns) -> Mapping[str, Format[Candidates]]:
    """What gives queries with documents; their columns have fixed names."""
    return {
        PLAIN: Format("queries, a document that answers each, and ones that do not", listed),
        "lists": Format("queries, with documents that answer each, if any, and others", lists),
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
    """A query with `positives`, none where nothing answers it, and `negatives`."""
    found = []
    for column in ("positives", "negatives"):
        texts = value_of(row, column)
        if not isinstance(texts, list):
            raise RowError(f"{column!r} is not a list of texts")
        found.append(tuple(text_cell({column: text}, column) for text in texts))
    positives, negatives = found
    if set(positives) & set(negatives):
        raise RowError("a text is both in 'positives' and in 'negatives': remove it from one")
    if not positives and not negatives:
        raise RowError("there is no document: give 'positives' or 'negatives'")
    return [Candidates(text_cell(row, "query"), positives, negatives)]


def squad_judged(row: Row) -> list[Candidates]:
    """The question with its context, which answers it or not."""
    return [
        Candidates(each.text, (each.context,))
        if each.answers
        else Candidates(each.text, (), (each.context,))
        for each in question(row)
    ]
