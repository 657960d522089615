"""Tables of documents: what their columns may be called, and the fields that a row gives."""

from collections.abc import Mapping

from shared.errors import InputError
from shared.tabular.headings import shown
from shared.tabular.rows import BadRow, Row
from shared.tabular.table import Table, TableFormat

ROW_SUFFIXES = (".csv", ".jsonl", ".ndjson", ".tsv")
"""The endings of tables, each of whose rows is a document."""

FIELDS = ("id", "title", "text", "question", "answer", "format", "metadata")
"""The columns that mean something, in any case."""

_QUESTION_COLUMNS = ("question", "answer")
_ARTICLE_COLUMNS = ("title", "text")


def check_headings(table: Table) -> None:
    """Refuses a CSV whose headings are not those of documents.

    Raises:
        InputError: they are not; the message says how the file was read.
    """
    if table.columns is None:
        return
    has = set(table.columns)
    if not (has.issuperset(_QUESTION_COLUMNS) or has.issuperset(_ARTICLE_COLUMNS)):
        raise InputError(
            f"{table.name}: expected the columns question and answer, or title and text; there are "
            f"{shown(table.columns)} (read as {table.description}): rename them"
        )


def fields_of(table: Table, row: Row | BadRow) -> Mapping[str, object]:
    """The fields of a row; of a CSV, what is none of them is metadata, if it is filled.

    Raises:
        InputError: the row cannot be read.
    """
    if isinstance(row, BadRow):
        raise InputError(f"{place_of(table, row)}: {row.reason}")
    if table.format is not TableFormat.CSV:
        return row.values
    cells = row.values
    pair = _QUESTION_COLUMNS
    if not all(name in cells for name in pair) or (not cells[pair[0]] and cells.get("title")):
        pair = _ARTICLE_COLUMNS
    optional = {name: cells[name] for name in ("id", "format") if cells.get(name)}
    own = {*pair, "id", "format"}
    metadata = {name: cell for name, cell in cells.items() if name not in own and cell}
    return {**{name: cells[name] for name in pair}, **optional, "metadata": metadata}


def place_of(table: Table, row: Row | BadRow) -> str:
    """Where a row stands, for messages."""
    return f"{table.name}, line {row.number}"
