"""Tables of contents, which say nothing that is not said where they point."""

import re
from collections.abc import Iterable, Iterator

from services.support.ingest.extraction.pdf.lines import Line
from services.support.ingest.extraction.pdf.tables import FoundTable

_HEADING = re.compile(
    r"(?:table of )?contents|inhalt(?:sverzeichnis)?|sommaire|table des matières|índice|indice"
    r"|目\s*录|目\s*次",
    re.I,
)
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*(?:\d{1,4}|[ivxlc]{1,7})?\W*", re.I)
_ENTRY = re.compile(r".*\D\s*(?:\d{1,4}|[ivxlc]{1,7})", re.I | re.DOTALL)


def without_contents(items: Iterable[Line | FoundTable]) -> Iterator[Line | FoundTable]:
    """The items without entries that dots lead to a page, and what follows the word `Contents`."""
    is_within = False
    for item in items:
        if isinstance(item, Line):
            is_within = bool(_HEADING.fullmatch(item.text)) or (
                is_within and bool(_ENTRY.fullmatch(item.text))
            )
            if is_within or _is_led(item.text):
                continue
        elif (is_within and _is_of_entries(item)) or _has_leaders(item):
            continue
        else:
            is_within = False
        yield item


def _is_led(text: str) -> bool:
    match = _LEADERS.search(text)
    return match is not None and match.end() == len(text)


def _is_of_entries(table: FoundTable) -> bool:
    lasts = [row[-1] for row in table.rows]
    return all(len(cell) == 1 and cell[0].text.isdecimal() for cell in lasts)


def _has_leaders(table: FoundTable) -> bool:
    led = [
        any(_is_led(s.text) or s.text.count("....") for cell in row for s in cell)
        for row in table.rows
    ]
    return sum(led) * 2 > len(led)
