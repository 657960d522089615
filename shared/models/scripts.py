"""Which writing a tokenizer knows, and how much of a text is in one that it does not know.

A vocabulary of English words still holds the letters of many alphabets, and some hundred Chinese
characters: texts in them are read, letter by letter, as noise. So a script counts as known where
the tokenizer makes of common words of it what it makes of words that it was trained on: few pieces,
and none of them unknown.
"""

import re
from collections.abc import Iterable

from tokenizers import Tokenizer

from shared.models.rows import Int64s
from shared.models.tasks import Input
from shared.text.scripts import HAN, SCRIPTS, Script

_MAX_UNKNOWN = 0.1
_MAX_PIECES = 0.75
_MAX_PIECES_OF_HAN = 1.5
_CHARACTERS_A_WORD = 2


class UnknownScripts:
    """The scripts that a tokenizer does not know; it is asked once, when this is made."""

    def __init__(self, tokenizer: Tokenizer, unknown_id: int | None) -> None:
        unknown = [each for each in SCRIPTS if not _knows(tokenizer, unknown_id, each)]
        self._of_spaced = _runs(script for script in unknown if script.is_spaced)
        self._of_others = _runs(script for script in unknown if not script.is_spaced)
        self._any = _runs(unknown)
        self._tokenizer = tokenizer
        self._unknown_id = unknown_id

    def unread(self, given: Input, input_ids: Int64s) -> float:
        """The share of words, 0..1, that are in an unknown script or of which no piece is known.

        `input_ids` [s] is what the tokenizer made of all of it.
        """
        text = given if isinstance(given, str) else " ".join(given)
        if text.isascii():
            return 0.0
        in_script = self.share(text)
        has_unknown = bool((input_ids == self._unknown_id).any())
        return max(in_script, self._unknown_words(text)) if has_unknown else in_script

    def _unknown_words(self, text: str) -> float:
        words = _WORD.findall(text)
        # A symbol or an emoji is no word, whatever a tokenizer makes of it.
        encoded = self._tokenizer.encode_batch_fast(words, add_special_tokens=False)
        unknown = sum(all(id_ == self._unknown_id for id_ in each.ids) for each in encoded)
        return unknown / len(words) if words else 0.0

    def share(self, text: str) -> float:
        """The share of a text's words, 0..1, that are written in an unknown script.

        Where words are not separated, two characters count as one. A single letter, such as a
        symbol of mathematics, is not a word.
        """
        if text.isascii() or not self._any.search(text):
            return 0.0
        spaced = sum(len(run) > 1 for run in self._of_spaced.findall(text))
        others = sum(len(run) for run in self._of_others.findall(text)) / _CHARACTERS_A_WORD
        known = len(_WORD.findall(self._any.sub(" ", text)))
        unknown = spaced + others
        return unknown / (unknown + known) if unknown else 0.0


_WORD = re.compile(r"[^\W\d_]+")
_NOTHING = re.compile(r"(?!)")


def _runs(scripts: Iterable[Script]) -> re.Pattern[str]:
    ranges = "".join(script.ranges for script in scripts)
    return re.compile(f"[{ranges}]+") if ranges else _NOTHING


def _knows(tokenizer: Tokenizer, unknown_id: int | None, script: Script) -> bool:
    ids = tokenizer.encode(script.words, add_special_tokens=False).ids
    letters = sum(character.isalpha() for character in script.words)
    most = _MAX_PIECES_OF_HAN if script is HAN else _MAX_PIECES
    return (
        sum(id_ == unknown_id for id_ in ids) <= _MAX_UNKNOWN * len(ids)
        and len(ids) <= most * letters
    )
