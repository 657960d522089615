"""Labels that differ in writing alone: in case, in space, in Unicode form, or as numbers.

They are separate classes to a model. Whether they mean the same, only a person can say, so that
they are told and never joined.
"""

import contextlib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

_SHOWN_CHARACTERS = 60


class Spelling(BaseModel, frozen=True):
    """One way to write a label, how many rows have it, and the text of the first of them.

    `places` are the first rows of the files that have it, `file:line` each.
    """

    label: str
    rows: int
    example: str
    places: tuple[str, ...] = ()

    @property
    def counted(self) -> str:
        """How many rows, and where to look."""
        see = f"; see {', '.join(self.places)}" if self.places else ""
        plural = "" if self.rows == 1 else "s"
        return f"{self.rows:,} row{plural}, such as {self.example!r}{see}"


class Variants(BaseModel, frozen=True):
    """The ways in which what seems to be one label is written, the most frequent first."""

    spellings: tuple[Spelling, ...]

    def __str__(self) -> str:
        seen = {_visible(each.label) for each in self.spellings}
        show = repr if len(seen) == len(self.spellings) else ascii
        *most, last = (f"{show(each.label)} ({each.counted})" for each in self.spellings)
        return (
            f"{', '.join(most)} and {last} are separate labels that differ in writing alone: "
            "write them alike if they mean the same"
        )


def label_variants(
    labelled: Iterable[tuple[str, str]], places: Mapping[str, Sequence[str]]
) -> list[Variants]:
    """The labels of (label, text) pairs that are one label but for their writing.

    `places` name rows of the files by their label.
    """
    texts: dict[str, str] = {}
    rows: dict[str, int] = defaultdict(int)
    for label, text in labelled:
        rows[label] += 1
        texts.setdefault(label, text[:_SHOWN_CHARACTERS])
    alike: dict[str, list[Spelling]] = defaultdict(list)
    for label in sorted(rows, key=lambda label: (-rows[label], label)):
        spelling = Spelling(
            label=label,
            rows=rows[label],
            example=texts[label],
            places=tuple(places.get(label, ())),
        )
        alike[_folded(label)].append(spelling)
    return [Variants(spellings=tuple(found)) for found in alike.values() if len(found) > 1]


def _visible(label: str) -> str:
    """What an eye sees of a label: neither how letters are composed nor what has no width."""
    text = unicodedata.normalize("NFKC", label)
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def _folded(label: str) -> str:
    """What all ways to write a label have in common."""
    text = unicodedata.normalize("NFKC", " ".join(_visible(label).casefold().split()))
    with contextlib.suppress(ValueError):
        return repr(float(text))
    return text
