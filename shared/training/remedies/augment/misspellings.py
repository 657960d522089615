"""Words misspelt as people misspell them, from a list.

    wrong,right
    recieve,receive

`right` may hold several words with commas between, of which `wrong` may be any.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from shared.config import Settings
from shared.models.tasks import TaskKind
from shared.training.data.examples import AnyExample
from shared.training.data.reading import Row, RowError, read_rows, text_cell
from shared.training.remedies.augment.augmenting import AugmentedRows, WordShare, augmented
from shared.training.remedies.augment.edits import Edit, Edits, Passage, one_by_one
from shared.training.remedies.augment.words import cased, count_of, drawn, free_words
from shared.training.remedies.remedy import Changed, Scope

Misspelt = Mapping[str, tuple[str, ...]]
"""How each word, in small letters, is misspelt."""


class Misspellings(Settings):
    """Copies in which a share `words` of the words are misspelt.

    `path` is a CSV or JSON Lines with the columns `wrong` and `right`. None ships.
    """

    remedy: Literal["misspellings"]
    path: Path
    words: WordShare = 0.1
    rows: AugmentedRows = AugmentedRows()

    scope: ClassVar[Scope] = Scope(kinds=frozenset(TaskKind))

    def change(self, examples: Sequence[AnyExample], seed: int) -> Changed:
        """See `OnRows`."""
        misspelt = read_misspellings(self.path)
        editor = one_by_one(
            lambda passage, generator: misspell(passage, generator, self.words, misspelt)
        )
        hint = f"{self.path} has none of their words in its column right: name another list"
        return augmented(examples, editor, self.rows, seed, remedy=self.remedy, hint=hint)


def misspell(
    passage: Passage, generator: np.random.Generator, share: float, misspelt: Misspelt
) -> Edits:
    """A misspelling for a share of the words."""
    words = free_words(passage)
    known = [word for word in words if word.text.lower() in misspelt]
    edits = []
    for word in drawn(known, count_of(len(words), share), generator):
        forms = misspelt[word.text.lower()]
        form = forms[int(generator.integers(len(forms)))]
        edits.append(Edit(word.start, word.end, cased(form, word.text)))
    return edits


@cache
def read_misspellings(path: Path) -> Misspelt:
    """Reads a list.

    Raises:
        InputError: it is missing or has faults; each is named by its line.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for wrong, rights in read_rows([(path, _entry)]):
        for right in rights:
            found[right].append(wrong)
    return {right: tuple(dict.fromkeys(wrongs)) for right, wrongs in found.items()}


def _entry(row: Row) -> list[tuple[str, list[str]]]:
    wrong = text_cell(row, "wrong").strip().lower()
    rights = [each.strip().lower() for each in text_cell(row, "right").split(",") if each.strip()]
    if not rights or wrong in rights:
        raise RowError(f"{wrong!r} is both 'wrong' and 'right': correct or remove the line")
    return [(wrong, rights)]
