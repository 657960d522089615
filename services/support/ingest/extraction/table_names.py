"""Whether a table's first row names its columns, where the file does not say so."""

from collections.abc import Sequence

_MAX_NAME_CHARACTERS = 60
_FEWEST = 2


def first_row_names(texts: Sequence[Sequence[str]], is_bold: Sequence[Sequence[bool]]) -> bool:
    """By the texts of the rows' cells, and by which of them are bold throughout.

    It does where it is the only bold row, or where it has no figures above a column of figures.
    """
    if len(texts) < _FEWEST or len(texts[0]) < _FEWEST:
        return False
    first, others = texts[0], texts[1:]
    if not all(0 < len(text) <= _MAX_NAME_CHARACTERS for text in first):
        return False
    if all(is_bold[0]) and not any(all(row) for row in is_bold[1:]):
        return True
    return _stands_above_figures(first, others)


def _stands_above_figures(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    if any(_has_digit(text) for text in first):
        return False
    columns = zip(*(row for row in others if len(row) == len(first)), strict=True)
    return any(all(_has_digit(text) for text in column) for column in columns)


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
