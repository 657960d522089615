"""Words swapped, deleted and inserted at random: EDA's operations beside synonyms."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from shared.config import Settings
from shared.models.tasks import TaskKind
from shared.training.data.examples import AnyExample
from shared.training.remedies.augment.augmenting import AugmentedRows, augmented
from shared.training.remedies.augment.edits import Edit, Edits, Passage, one_by_one
from shared.training.remedies.augment.lexicon import Lexicon, read_lexicon
from shared.training.remedies.augment.synonyms import drawn_synonym, synonyms_of
from shared.training.remedies.augment.words import count_of, drawn, free_words, words_of
from shared.training.remedies.remedy import Changed, Scope

_SPACE = re.compile(r"\s+")
_SPACE_BEFORE = re.compile(r"\s+\Z")
OrNone = Annotated[float, Field(ge=0, le=1)]


class RandomEdits(Settings):
    """Copies with one of three operations each, drawn among those whose share is above 0.

    `swap` exchanges pairs of words, `delete` leaves words out, `insert` puts synonyms of words
    (from `lexicon`, see `lexicon`) before any; each for that share of the words.

    Source: https://arxiv.org/abs/1901.11196 (section 2).
    """

    remedy: Literal["random_edits"]
    swap: OrNone = 0.1
    delete: OrNone = 0.1
    insert: OrNone = 0.1
    lexicon: Path | None = None
    rows: AugmentedRows = AugmentedRows()

    scope: ClassVar[Scope] = Scope(kinds=frozenset(TaskKind))

    @model_validator(mode="after")
    def _does_something(self) -> "RandomEdits":
        if not self.swap + self.delete + self.insert:
            raise ValueError("swap, delete and insert are all 0: set a share of at least one")
        return self

    def change(self, examples: Sequence[AnyExample], seed: int) -> Changed:
        """See `OnRows`."""
        operations = self._operations()

        def edit(passage: Passage, generator: np.random.Generator) -> Edits:
            return operations[int(generator.integers(len(operations)))](passage, generator)

        hint = "they need at least two words outside of names, in a script with spaces"
        return augmented(examples, one_by_one(edit), self.rows, seed, remedy=self.remedy, hint=hint)

    def _operations(self) -> list[Callable[[Passage, np.random.Generator], Edits]]:
        found: list[Callable[[Passage, np.random.Generator], Edits]] = []
        if self.swap:
            found.append(lambda passage, generator: swap(passage, generator, self.swap))
        if self.delete:
            found.append(lambda passage, generator: delete(passage, generator, self.delete))
        if self.insert:
            lexicon = read_lexicon(self.lexicon)
            found.append(
                lambda passage, generator: insert(passage, generator, self.insert, lexicon)
            )
        return found


def swap(passage: Passage, generator: np.random.Generator, share: float) -> Edits:
    """Exchanges pairs of words, as many as the share of the words."""
    words = free_words(passage)
    if len(words) < 2:
        return []
    order = generator.permutation(len(words)).tolist()
    pairs = list(zip(order[::2], order[1::2], strict=False))
    after = [word.text for word in words]
    for one, other in pairs[: count_of(len(words), share)]:
        after[one], after[other] = after[other], after[one]
    return [
        Edit(word.start, word.end, text)
        for word, text in zip(words, after, strict=True)
        if word.text != text
    ]


def delete(passage: Passage, generator: np.random.Generator, share: float) -> Edits:
    """Leaves out a share of the words, each with the space before it, or behind the first one."""
    words = free_words(passage)
    if len(words) < 2:
        return []
    most = min(count_of(len(words), share), len(words) - 1)
    edits: list[Edit] = []
    for word in drawn(words, most, generator):
        start, end = word.start, word.end
        before = _SPACE_BEFORE.search(passage.text, edits[-1].end if edits else 0, start)
        behind = _SPACE.match(passage.text, end)
        if before and passage.is_free(before.start(), end):
            start = before.start()
        elif behind and passage.is_free(start, behind.end()):
            end = behind.end()
        edits.append(Edit(start, end, ""))
    return edits


def insert(
    passage: Passage, generator: np.random.Generator, share: float, lexicon: Lexicon
) -> Edits:
    """Puts synonyms of a share of the words before words of the text."""
    words = words_of(passage.text)
    known = [word for word in free_words(passage) if synonyms_of(word, lexicon)]
    places = [
        start
        for start in (word.start for word in words)
        if passage.is_free(start, start) and not passage.text[max(0, start - 1) : start].strip()
    ]
    if not known or not places:
        return []
    edits = []
    for word in drawn(known, count_of(len(words), share), generator):
        place = places[int(generator.integers(len(places)))]
        edits.append(Edit(place, place, drawn_synonym(word, generator, lexicon).lower() + " "))
    return sorted(edits)
