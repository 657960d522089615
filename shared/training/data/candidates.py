"""Rows that say which documents answer a query: pairs, triplets, ranked lists, judged pairs.

{"query": "lost my card", "positive": "Block your card", "negatives": ["Order a card"]}
{"query": "lost my card", "document": "Block your card", "label": 1}
{"text": "I lost my card", "label": "lost_or_stolen_card"}
"""

import re

from shared.training.data.examples import Candidates
from shared.training.data.reading import Row, RowError, column_of, label_cell, text_cell, value_of

_BETWEEN_WORDS = re.compile(r"[\s_/-]+")


def listed(row: Row) -> list[Candidates]:
    """A query with a `positive`, and with `negatives` or one `negative` if there are some."""
    one, several = column_of(row, "negative"), column_of(row, "negatives")
    negatives = [row[one]] if one else row[several] if several else []
    if not isinstance(negatives, list):
        raise RowError("'negatives' is no list of texts")
    read = tuple(text_cell({"negatives": text}, "negatives") for text in negatives)
    positive = text_cell(row, "positive")
    if positive in read:
        raise RowError("a text is both 'positive' and among the negatives: remove it from one")
    return [Candidates(text_cell(row, "query"), (positive,), read)]


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


def bitext_pairs(row: Row) -> list[Candidates]:
    """A customer's question with the answer to it."""
    return [Candidates(text_cell(row, "question"), (text_cell(row, "answer"),))]


def class_names(row: Row) -> list[Candidates]:
    """A text with the name of its class in words, as a question has a title."""
    text, label = text_cell(row, "text"), label_cell(row, "label")
    name = _BETWEEN_WORDS.sub(" ", label).strip(" ?!.").lower()
    if not name:
        raise RowError(f"'label' is {label[:40]!r}: it has no words")
    return [Candidates(text, (name,))]
