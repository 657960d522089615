"""Rows of texts with classes, and the formats that give them."""

from collections.abc import Mapping

from shared.models.tasks import Input
from shared.training.data.formats import PLAIN, Columns, Format
from shared.training.data.reading import Row, RowError, column_of, label_cell, text_cell, value_of
from shared.training.tasks.classify import sentfin
from shared.training.tasks.classify.examples import Example, MultiLabelled

_SEPARATOR = ";"
_SENTFIN = {
    "sentfin-single": Format("headlines with one entity, and its label", sentfin.single),
    "sentfin-unanimous": Format(
        "headlines whose entities have one label in common, and it", sentfin.unanimous
    ),
    "sentfin-targets": Format(
        "headlines in which one entity is marked, see `shared.sentiment.targets`, and what is "
        "said of it",
        sentfin.targets,
    ),
    "sentfin-opposed": Format(
        "the same, of headlines whose entities have different labels", sentfin.opposed_targets
    ),
}


def labelled_formats(columns: Columns) -> Mapping[str, Format[Example]]:
    """What gives texts or pairs with one class each."""

    def plain(row: Row) -> list[Example]:
        return [Example(_input(row, columns), label_cell(row, columns.label))]

    return {PLAIN: Format("texts or pairs, and their classes", plain)} | _SENTFIN


def multi_labelled_formats(columns: Columns) -> Mapping[str, Format[MultiLabelled]]:
    """What gives texts or pairs with any number of classes each.

    The classes are a list, or a string in which `;` stands between them.
    """

    def plain(row: Row) -> list[MultiLabelled]:
        return [MultiLabelled(_input(row, columns), _labels_cell(row, columns.labels))]

    return {PLAIN: Format("texts or pairs, and the classes of each", plain)}


def _input(row: Row, columns: Columns) -> Input:
    first = text_cell(row, columns.text)
    return first if columns.second is None else (first, text_cell(row, columns.second))


def _labels_cell(row: Row, column: str) -> tuple[str, ...]:
    value = value_of(row, column)
    names = value.split(_SEPARATOR) if isinstance(value, str) else value
    if column_of(row, column) is None:
        raise RowError(f"has no column {column!r}: set data.labels")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RowError(f"{column!r} is not a list of labels")
    found = sorted({name.strip() for name in names} - {""})
    if any(len(name) > 200 for name in found):
        raise RowError(f"{column!r} has a label of more than 200 characters")
    return tuple(found)
