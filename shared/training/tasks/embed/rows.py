"""Rows of queries with what answers them, and the formats that give them.

{"question": "Where is my card?", "answer": "On its way."}
{"text": "I lost my card", "label": "lost_or_stolen_card"}
"""

import re
from collections.abc import Mapping

from shared.training.data.candidates import Candidates, listed
from shared.training.data.formats import PLAIN, Columns, Format
from shared.training.data.reading import Row, RowError, label_cell, text_cell
from shared.training.tasks.score.rows import judged
from shared.training.tasks.span.rows import question

_BETWEEN_WORDS = re.compile(r"[\s_/-]+")


def embedding_formats(columns: Columns) -> Mapping[str, Format[Candidates]]:
    """What gives queries with their answers; their columns have fixed names."""
    return {
        PLAIN: Format("queries, a text that answers each, and texts that do not, if any", listed),
        "squad-pairs": Format("questions, and the contexts that answer them", squad_pairs),
        "bitext-pairs": Format("customers' questions, and the answers", bitext_pairs),
        "judged-pairs": Format("pairs of texts, those that are judged relevant", judged_pairs),
        "class-names": Format("texts, and the names of their classes", class_names),
    }


def squad_pairs(row: Row) -> list[Candidates]:
    """The question with the context that answers it, if it does."""
    return [Candidates(each.text, (each.context,)) for each in question(row) if each.answers]


def bitext_pairs(row: Row) -> list[Candidates]:
    """A customer's question with the answer to it."""
    return [Candidates(text_cell(row, "question"), (text_cell(row, "answer"),))]


def judged_pairs(row: Row) -> list[Candidates]:
    """A pair whose `label` is 1, as kind `score` reads it; one judged 0 teaches nothing here."""
    return [each for each in judged(row) if each.positives]


def class_names(row: Row) -> list[Candidates]:
    """A text with the name of its class in words, as a question has a title."""
    text, label = text_cell(row, "text"), label_cell(row, "label")
    name = _BETWEEN_WORDS.sub(" ", label).strip(" ?!.").lower()
    if not name:
        raise RowError(f"'label' is {label[:40]!r}: it has no words")
    return [Candidates(text, (name,))]
