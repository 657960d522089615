"""The cells of a row as values: texts without the space around them, and lists within a cell."""

from shared.tabular.rows import Row
from shared.tabular.table import Table, TableFormat

LIST_MARK = "|"


def values_of(table: Table, row: Row) -> dict[str, object]:
    """A row's values; those of a CSV, all of them texts, without the space around them."""
    if table.format is TableFormat.CSV:
        return {name: str(cell).strip() for name, cell in row.values.items()}
    return row.values


def listed(cell: str) -> list[str]:
    """The parts of a cell that holds several with `|` between."""
    return [part.strip() for part in cell.split(LIST_MARK) if part.strip()]
