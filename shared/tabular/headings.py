"""The headings of a table: cleaned, each once, and found whatever their case."""

from collections.abc import Collection, Iterable, Sequence

from shared.tabular.rows import MAX_COLUMNS

_SHOWN = 10
_SHOWN_CHARACTERS = 40


class HeadingError(ValueError):
    """Why a line of headings cannot be used."""


def clean_headings(cells: Sequence[str], known: Collection[str] = ()) -> tuple[str, ...]:
    """The names of the columns, without spaces or byte order marks around them.

    Empty headings at the end, as spreadsheets write them, are left out. A heading that is one of
    `known` in another case becomes that.

    Raises:
        HeadingError: a heading is empty, or stands twice, or there are none or too many.
    """
    names = [cell.replace("\ufeff", "").strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise HeadingError("its first line is empty: expected the names of the columns")
    if len(names) > MAX_COLUMNS:
        raise HeadingError(f"{len(names):,} columns, at most {MAX_COLUMNS:,} are read")
    exact = set(names)
    names = [name if name in known else _known(name, known, exact) for name in names]
    for number, name in enumerate(names, start=1):
        if not name:
            raise HeadingError(f"column {number} of the header has no name: give it one")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise HeadingError(f"the column {shortened(twice)} stands twice: rename or remove one")
    return tuple(names)


def find_heading(names: Iterable[str], wanted: str) -> str | None:
    """The name that is the wanted one, or else the only one that is it in another case."""
    folded = _folded(wanted)
    alike = [name for name in names if name == wanted or _folded(name) == folded]
    if wanted in alike:
        return wanted
    return alike[0] if len(alike) == 1 else None


def shown(names: Iterable[str]) -> str:
    """Names for a message: the first ten, quoted and shortened."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(map(shortened, listed[:_SHOWN])) + more


def shortened(name: str) -> str:
    """A name for a message."""
    is_long = len(name) > _SHOWN_CHARACTERS
    return repr(f"{name[:_SHOWN_CHARACTERS]}..." if is_long else name)


def _known(name: str, known: Collection[str], exact: Collection[str]) -> str:
    folded = _folded(name)
    meant = next((each for each in known if _folded(each) == folded), name)
    return name if meant in exact else meant


def _folded(name: str) -> str:
    return name.strip().casefold()
