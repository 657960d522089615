"""Edits of a text, and where its stretches lie afterwards."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

Stretch = tuple[int, int]
"""Characters `[start, end)` of a text."""


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """The characters `[start, end)` of a text become `replacement`; an insertion has no length."""

    start: int
    end: int
    replacement: str


Edits = Sequence[Edit]
"""Edits of one text, in order, not overlapping."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, and the stretches of it that must stay letter for letter; sorted, not overlapping."""

    text: str
    protected: tuple[Stretch, ...] = ()

    def is_free(self, start: int, end: int) -> bool:
        """Whether `[start, end)` may be edited; an insertion may stand beside what is protected."""
        place = bisect_right(self.protected, start, key=itemgetter(1))
        return place == len(self.protected) or end <= self.protected[place][0]


Editor = Callable[[Sequence[Passage], Sequence[np.random.Generator]], Sequence[Edits]]
"""Edits of each passage, drawn by its generator; none where nothing can be changed."""


def one_by_one(edit: Callable[[Passage, np.random.Generator], Edits]) -> Editor:
    """The editor that looks at each passage alone."""

    def edit_all(
        passages: Sequence[Passage], generators: Sequence[np.random.Generator]
    ) -> list[Edits]:
        return [edit(*each) for each in zip(passages, generators, strict=True)]

    return edit_all


def edited(text: str, edits: Edits) -> str:
    """The text after the edits.

    Raises:
        ValueError: they overlap, are not in order, or reach beyond the text.
    """
    parts, before = [], 0
    for edit in edits:
        if not before <= edit.start <= edit.end <= len(text):
            raise ValueError(f"{edit} does not follow character {before} of {len(text)}")
        parts += [text[before : edit.start], edit.replacement]
        before = edit.end
    return "".join([*parts, text[before:]])


def moved(stretch: Stretch, edits: Edits) -> Stretch | None:
    """Where a stretch lies after the edits; None where one of them changes it.

    What is inserted at its first character stands before it, and at its end behind it.
    """
    start, end = stretch
    shift = 0
    for edit in edits:
        if edit.end <= start:
            shift += len(edit.replacement) - (edit.end - edit.start)
        elif edit.start < end:
            return None
    return start + shift, end + shift
