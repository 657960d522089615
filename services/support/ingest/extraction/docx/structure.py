"""What Word's authors show by their looks: headings that are bold lines, and tables' first rows."""

from typing import Any

from mammoth import documents, transforms

from services.support.ingest.extraction.table_names import first_row_names

_MAX_HEADING_CHARACTERS = 100
_HEADING = {"style_id": "Heading6", "style_name": "heading 6"}
_BODY_STYLES = (None, "Normal", "Body", "Body Text", "Standard")


def shown_structure(document: Any) -> Any:
    """The document with these as headings, as if their styles said so."""
    in_tables = transforms.element_of_type(documents.Table, _with_names)
    return in_tables(_with_headings(document))


def _with_headings(document: Any) -> Any:
    """Paragraphs that are one bold line become headings of the lowest level, outside tables."""
    children = [
        child.copy(**_HEADING) if _is_bold_line(child) else child for child in document.children
    ]
    return document.copy(children=children)


def _is_bold_line(element: Any) -> bool:
    if not isinstance(element, documents.Paragraph) or element.numbering is not None:
        return False
    text = _text(element).strip()
    return (
        element.style_name in _BODY_STYLES
        and 0 < len(text) <= _MAX_HEADING_CHARACTERS
        and text[-1] not in ".!?,;。！？，；"
        and _is_bold(element)
    )


def _with_names(table: Any) -> Any:
    """The table whose first row is one of names, where its author did not say so."""
    rows = table.children
    if any(getattr(row, "is_header", True) for row in rows):
        return table
    texts = [[_text(cell).strip() for cell in row.children] for row in rows]
    is_bold = [[_is_bold(cell) for cell in row.children] for row in rows]
    if not first_row_names(texts, is_bold):
        return table
    return table.copy(children=[rows[0].copy(is_header=True), *rows[1:]])


def _is_bold(element: Any) -> bool:
    runs = [
        run
        for run in transforms.get_descendants_of_type(element, documents.Run)
        if _text(run).strip()
    ]
    return bool(runs) and all(run.is_bold for run in runs)


def _text(element: Any) -> str:
    found = transforms.get_descendants_of_type(element, documents.Text)
    return "".join(text.value for text in found)
