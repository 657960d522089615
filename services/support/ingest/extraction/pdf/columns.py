"""The columns of a page's text, by the order in which the file has it."""

from collections.abc import Sequence

from services.support.ingest.extraction.pdf.segments import Segment, rows_of

_ROWS = 6
"""Of a column at least: what is lower stands in the cell of a table."""


def columns_of(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments column by column; all in one where the page has no columns."""
    columns: list[list[Segment]] = []
    for run in _runs(segments):
        if columns and not (_is_high(columns[-1]) and _is_high(run)):
            columns[-1].extend(run)
        else:
            columns.append(run)
    return columns


def _runs(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Cut where the text goes on at the top, to the right of all that came before."""
    runs: list[list[Segment]] = []
    right = 0.0
    for segment in sorted(segments, key=lambda each: each.order):
        before = runs[-1][-1] if runs else None
        goes_up = before is not None and segment.base > before.base + segment.size
        if before is None or (goes_up and segment.left > right):
            runs.append([])
            right = segment.right
        runs[-1].append(segment)
        right = max(right, segment.right)
    return runs


def _is_high(run: Sequence[Segment]) -> bool:
    return len(rows_of(run)) >= _ROWS
