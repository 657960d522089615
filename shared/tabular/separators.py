"""What separates the cells of a CSV: a comma, a semicolon, a tab or a bar, told by its rows."""

import csv
import re
from collections.abc import Collection, Sequence

from shared.tabular.headings import find_heading

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Each with its name in words."""

_SAYS = re.compile(r'\A\ufeff?"?sep=([,;\t|])"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)


def said_separator(line: str) -> str | None:
    """The separator that a line says, as Excel has it: `sep=;`."""
    said = _SAYS.match(line)
    return said[1] if said else None


def find_separator(lines: Sequence[str], known: Collection[str], *, is_whole: bool) -> str:
    """The separator that gives the most of the known headings, and parts the rows as the headings.

    Of two that do so equally, the one with more columns. Where none parts the headings, there is
    one column, and it is the comma. `is_whole` says whether the lines are the whole file: else the
    last row may be cut.
    """
    best, best_fit = ",", (0, 0.0, 1)
    for separator in SEPARATORS:
        rows = _rows(lines, separator, is_whole=is_whole)
        if rows and len(rows[0]) > 1:
            width, widths = len(rows[0]), [len(row) for row in rows[1:]]
            share = sum(each == width for each in widths) / len(widths) if widths else 1.0
            fit = (sum(find_heading(rows[0], name) is not None for name in known), share, width)
            if fit > best_fit:
                best, best_fit = separator, fit
    return best


def _rows(lines: Sequence[str], separator: str, *, is_whole: bool) -> list[list[str]]:
    """The rows that have a cell filled, up to the first that is none."""
    rows: list[list[str]] = []
    try:
        rows.extend(filter(any, csv.reader(lines, delimiter=separator, strict=True)))
    except csv.Error:
        return rows
    return rows if is_whole or len(rows) < 2 else rows[:-1]
