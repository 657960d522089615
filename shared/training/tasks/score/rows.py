"""Rows of queries with documents to score, and the formats that give them.

{"query": "lost my card", "document": "Block your card", "label": 1}
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


def squad_judged(row: Row) -> list[Candidates]:
    """The question with its context, which answers it or not."""
    return [
        Candidates(each.text, (each.context,))
        if each.answers
        else Candidates(each.text, (), (each.context,))
        for each in question(row)
    ]
