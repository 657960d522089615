"""Words of texts and names: what is compared of them, where they stand, which names are one.

A text is cut into words and signs, and a name is a run of them. So a name inside a longer word
never matches, offsets are those of the text itself however case folding changes lengths, and two
spellings that differ in case, Unicode form, spaces or traditional forms are one. Scripts that are
written without spaces are cut into characters: there a name may begin and end anywhere.
"""

import re
import unicodedata
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from itertools import accumulate

from shared.sentiment.ordinary_words import ORDINARY_WORDS
from shared.sentiment.tickers import in_ticker_form
from shared.text.scripts import HAN, UNSPACED
from shared.text.simplified import simplified_character

# Python's \w leaves out the combining marks that belong to words in Hebrew, Arabic and the scripts
# of India.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_TOKEN = re.compile(
    rf"[{UNSPACED}](?:[{_MARKS}]*)|(?:(?![{UNSPACED}])[\w{_MARKS}])+|[^\w\s{_MARKS}]"
)
_ASCII_TOKEN = re.compile(r"\w+|[^\w\s]")
_SIGNS = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-", "—": "-"})
_CHINESE = re.compile(f"[{HAN.ranges}]")
_SHORT = 5
_BETWEEN = "\n"
"""Stands in no word or sign, whatever their Unicode form."""

Token = tuple[str, int, int]
"""A word or sign as it is compared, where it starts and where it ends."""

Stretch = tuple[int, int]
"""Characters `[start, end)` of a text."""


def tokens(text: str) -> list[Token]:
    """The words and signs of a text, in order."""
    if text.isascii():
        found = _ASCII_TOKEN.finditer(text)
        return [(match.group().lower(), match.start(), match.end()) for match in found]
    found = _TOKEN.finditer(text)
    return [(_key(match.group()), match.start(), match.end()) for match in found]


def fold(name: str) -> str:
    """What is the same for all spellings of a name."""
    return " ".join([key for key, _, _ in tokens(name)])


def is_readable(name: str) -> bool:
    """Whether a name has a letter or digit."""
    return any(character.isalnum() for character in name)


def is_capitals(name: str) -> bool:
    """Whether a name is written as tickers and acronyms are, short and all in capitals."""
    return len(name) <= _SHORT and name.isalpha() and name.isupper()


def is_ordinary(word: str) -> bool:
    """Whether a word says nothing by itself: one letter, or a word that texts are full of."""
    return len(word) == 1 or word.lower() in ORDINARY_WORDS


def longest(stretches: Iterable[Stretch]) -> set[Stretch]:
    """Those that stay where some overlap: the longest, of equal ones the first."""
    kept: list[Stretch] = []
    for start, end in sorted(set(stretches), key=lambda one: (one[0] - one[1], one[0])):
        place = bisect_left(kept, (start, end))
        is_free_before = place == 0 or kept[place - 1][1] <= start
        if is_free_before and (place == len(kept) or end <= kept[place][0]):
            insort(kept, (start, end))
    return set(kept)


class Words:
    """The words of a text, in which names are looked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._has_small = any(map(str.islower, text))
        keys = [key for key, _, _ in self._tokens]
        # A name is found as a string: however often its words are repeated that takes one pass.
        self._joined = _joined(keys)
        self._starts = list(accumulate((len(key) + len(_BETWEEN) for key in keys), initial=0))

    def mentions(self, name: str) -> list[Stretch]:
        """Where the text has a name as whole words, in order.

        Mentions in the name's own spelling come before all others. A ticker or acronym that is an
        ordinary word ("IT") needs its capitals, which a text all in capitals does not show; there,
        and where it is one letter, it needs a ticker's form.
        """
        name = name.strip()
        found = self._runs(name)
        written = [(start, end) for start, end in found if self._text[start:end] == name]
        if is_capitals(name) and is_ordinary(name):
            shows_case = self._has_small and len(name) > 1
            return [
                one
                for one in found
                if in_ticker_form(self._text, *one) or (shows_case and one in written)
            ]
        return written or found

    def _runs(self, name: str) -> list[Stretch]:
        if not is_readable(name):
            return []
        keys = [key for key, _, _ in tokens(name)]
        run = _joined(keys)
        found: list[Stretch] = []
        at = self._joined.find(run)
        while at >= 0:
            place = bisect_left(self._starts, at)
            found.append((self._tokens[place][1], self._tokens[place + len(keys) - 1][2]))
            at = self._joined.find(run, at + len(run) - len(_BETWEEN))
        return found


def _joined(keys: Sequence[str]) -> str:
    return _BETWEEN + "".join([key + _BETWEEN for key in keys])


def _key(token: str) -> str:
    if token.isascii():
        return token.lower()
    key = unicodedata.normalize("NFKC", token.translate(_SIGNS)).casefold()
    return simplified_character(key) if _CHINESE.fullmatch(key) else key
