"""Blocks as HTML."""

import re
from collections.abc import Iterable, Iterator, Sequence

from services.support.ingest.extraction.html import text_html
from services.support.ingest.extraction.pdf.blocks import Block
from services.support.ingest.extraction.pdf.joining import Joiner
from services.support.ingest.extraction.pdf.segments import Segment
from services.support.ingest.extraction.pdf.tables import FoundTable
from services.support.ingest.extraction.table_names import first_row_names

_NUMBER = re.compile(r"\(?(\d{1,2})[.)]?")


def write_html(blocks: Sequence[Block], joiner: Joiner) -> str:
    """The blocks in their order, one a line; a table that goes on over a page is one."""
    lines: list[str] = []
    items: list[Block] = []
    tables: list[FoundTable] = []
    for block in blocks:
        if items and not (block.marker and _is_same_list(items[-1], block)):
            lines += _list(items, joiner)
            items = []
        if tables and not block.tables:
            lines += _table(tables, joiner)
            tables = []
        if block.tables:
            if tables and len(tables[-1].rows[0]) != len(block.tables[0].rows[0]):
                lines += _table(tables, joiner)
                tables = []
            tables += block.tables
        elif block.marker:
            items.append(block)
        else:
            tag = f"h{block.level}" if block.level else "p"
            lines.append(f"<{tag}>{text_html(joiner.join(block.texts))}</{tag}>")
    return "\n".join([*lines, *_list(items, joiner), *_table(tables, joiner)])


def _is_same_list(before: Block, block: Block) -> bool:
    return bool(_NUMBER.fullmatch(before.marker)) == bool(_NUMBER.fullmatch(block.marker))


def _list(items: Sequence[Block], joiner: Joiner) -> Iterator[str]:
    if not items:
        return
    number = _NUMBER.fullmatch(items[0].marker)
    start = f' start="{int(number[1])}"' if number and int(number[1]) != 1 else ""
    yield f"<ol{start}>" if number else "<ul>"
    for item in items:
        is_lettered = not number and item.marker[-1] in ".)"
        texts = [f"{item.marker} {item.texts[0]}", *item.texts[1:]] if is_lettered else item.texts
        yield f"<li>{text_html(joiner.join(texts))}</li>"
    yield "</ol>" if number else "</ul>"


def _table(tables: Sequence[FoundTable], joiner: Joiner) -> Iterator[str]:
    if not tables:
        return
    rows = [row for table in tables for row in table.rows]
    texts = [[joiner.join([segment.text for segment in cell]) for cell in row] for row in rows]
    is_bold = [[_is_bold(cell) for cell in row] for row in rows]
    has_names = first_row_names(texts, is_bold)
    # The first row stands again above what a table has on its next page.
    kept = [row for number, row in enumerate(texts) if not number or row != texts[0]]
    yield "<table>"
    for number, row in enumerate(kept):
        tag = "th" if has_names and number == 0 else "td"
        yield f"<tr>{''.join(f'<{tag}>{text_html(text)}</{tag}>' for text in row)}</tr>"
    yield "</table>"


def _is_bold(cell: Iterable[Segment]) -> bool:
    segments = list(cell)
    return bool(segments) and all(segment.is_bold for segment in segments)
