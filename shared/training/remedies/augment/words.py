"""The words of a passage that may be edited, and how a word takes another's case."""

import re
from dataclasses import dataclass

import numpy as np

from shared.text.scripts import UNSPACED
from shared.training.remedies.augment.edits import Passage

_WORD = re.compile(rf"(?:(?![{UNSPACED}])[^\W\d_])+(?:['’](?:(?![{UNSPACED}])[^\W\d_])+)*")


@dataclass(frozen=True, slots=True)
class Word:
    """A word at the characters `[start, end)`; `before` is the word before it, in small letters."""

    start: int
    end: int
    text: str
    before: str


def words_of(text: str) -> list[Word]:
    """The words of a text, of scripts that are written with spaces."""
    found: list[Word] = []
    before = ""
    for match in _WORD.finditer(text):
        found.append(Word(*match.span(), match.group(), before))
        before = match.group().lower()
    return found


def free_words(passage: Passage) -> list[Word]:
    """The words that may be edited."""
    return [word for word in words_of(passage.text) if passage.is_free(word.start, word.end)]


def count_of(words: int, share: float) -> int:
    """How many of so many words a share is: at least one."""
    return max(1, round(words * share))


def drawn(words: list[Word], most: int, generator: np.random.Generator) -> list[Word]:
    """At most so many of the words, in their order."""
    places = generator.permutation(len(words))[:most]
    return [words[place] for place in sorted(places.tolist())]


def cased(word: str, like: str) -> str:
    """A word in the case of another: small, Capitalised, or CAPITALS."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
