"""Typing errors as fingers make them on a QWERTY keyboard."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from shared.config import Settings
from shared.models.tasks import TaskKind
from shared.training.data.examples import AnyExample
from shared.training.remedies.augment.augmenting import AugmentedRows, WordShare, augmented
from shared.training.remedies.augment.edits import Edit, Edits, Passage, one_by_one
from shared.training.remedies.augment.words import cased, count_of, drawn, free_words
from shared.training.remedies.remedy import Changed, Scope

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_OFFSETS = (0.0, 0.25, 0.75)
"""How far each row of keys stands to the right, in keys."""

_PLACES = {
    key: (column + offset, float(row))
    for row, (keys, offset) in enumerate(zip(_ROWS, _OFFSETS, strict=True))
    for column, key in enumerate(keys)
}
NEIGHBOURS = {
    key: "".join(
        other
        for other, there in _PLACES.items()
        if other != key and (here[0] - there[0]) ** 2 + (here[1] - there[1]) ** 2 < 2
    )
    for key, here in _PLACES.items()
}
"""The keys around each key."""

_SHORTEST = 4


class TypingErrors(Settings):
    """Copies with typing errors in a share `words` of the words of four and more letters.

    An error is a neighbour's key, a letter doubled, left out, or swapped with the next.
    """

    remedy: Literal["typing_errors"]
    words: WordShare = 0.1
    rows: AugmentedRows = AugmentedRows()

    scope: ClassVar[Scope] = Scope(kinds=frozenset(TaskKind))

    def change(self, examples: Sequence[AnyExample], seed: int) -> Changed:
        """See `OnRows`."""
        editor = one_by_one(lambda passage, generator: mistype(passage, generator, self.words))
        hint = "they need words of four and more letters from a to z outside of names"
        return augmented(examples, editor, self.rows, seed, remedy=self.remedy, hint=hint)


def mistype(passage: Passage, generator: np.random.Generator, share: float) -> Edits:
    """An error in a share of the words."""
    words = free_words(passage)
    able = [word for word in words if len(word.text) >= _SHORTEST and _is_typed(word.text)]
    return [
        Edit(word.start, word.end, cased(_mistyped(word.text, generator), word.text))
        for word in drawn(able, count_of(len(words), share), generator)
    ]


def _is_typed(word: str) -> bool:
    return all(letter in NEIGHBOURS for letter in word.lower())


def _mistyped(word: str, generator: np.random.Generator) -> str:
    small = word.lower() if word[:1].isupper() else word
    swappable = [place for place in range(len(small) - 1) if small[place] != small[place + 1]]
    error = int(generator.integers(4 if swappable else 3))
    place = (
        swappable[int(generator.integers(len(swappable)))]
        if error == 3
        else (int(generator.integers(len(small))))
    )
    before, letter, after = small[:place], small[place], small[place + 1 :]
    match error:
        case 0:
            near = NEIGHBOURS[letter.lower()]
            return before + near[int(generator.integers(len(near)))] + after
        case 1:
            return before + letter * 2 + after
        case 2:
            return before + after
    return before + after[0] + letter + after[1:]
