"""Words replaced by synonyms."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from shared.config import Settings
from shared.models.tasks import TaskKind
from shared.training.data.examples import AnyExample
from shared.training.remedies.augment.augmenting import AugmentedRows, WordShare, augmented
from shared.training.remedies.augment.edits import Edit, Edits, Passage, one_by_one
from shared.training.remedies.augment.lexicon import Lexicon, read_lexicon
from shared.training.remedies.augment.words import Word, cased, count_of, drawn, free_words
from shared.training.remedies.remedy import Changed, Scope


class Synonyms(Settings):
    """Copies in which synonyms stand for a share `words` of the words.

    `lexicon` is a file, see `lexicon`; left out, it is the English one that ships.
    """

    remedy: Literal["synonyms"]
    lexicon: Path | None = None
    words: WordShare = 0.1
    rows: AugmentedRows = AugmentedRows()

    scope: ClassVar[Scope] = Scope(kinds=frozenset(TaskKind))

    def change(self, examples: Sequence[AnyExample], seed: int) -> Changed:
        """See `OnRows`."""
        lexicon = read_lexicon(self.lexicon)
        editor = one_by_one(
            lambda passage, generator: replace_words(passage, generator, self.words, lexicon)
        )
        hint = "the lexicon knows none of their words: name a lexicon of their language"
        return augmented(examples, editor, self.rows, seed, remedy=self.remedy, hint=hint)


def replace_words(
    passage: Passage, generator: np.random.Generator, share: float, lexicon: Lexicon
) -> Edits:
    """A synonym for a share of the words."""
    words = free_words(passage)
    known = [word for word in words if synonyms_of(word, lexicon)]
    return [
        Edit(word.start, word.end, drawn_synonym(word, generator, lexicon))
        for word in drawn(known, count_of(len(words), share), generator)
    ]


def synonyms_of(word: Word, lexicon: Lexicon) -> list[str]:
    """The synonyms of a word where it stands, in small letters."""
    return lexicon.synonyms(word.text.lower(), word.before)


def drawn_synonym(word: Word, generator: np.random.Generator, lexicon: Lexicon) -> str:
    """One of a word's synonyms, in its case."""
    found = synonyms_of(word, lexicon)
    return cased(found[int(generator.integers(len(found)))], word.text)
