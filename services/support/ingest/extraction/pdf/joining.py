"""Lines of a paragraph as one text: words that were divided at a line's end are whole again."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_DIVIDED = re.compile(r"(\w*[^\W\d_])-$")
_WITH_HYPHEN = frozenset(
    {"self", "non", "well", "half", "all", "cross", "multi", "high", "low", "full", "long", "short"}
    | {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "one", "two"}
    | {"three", "four", "five", "six", "seven", "eight", "nine", "ten", "built", "plug", "add"}
)
"""What goes before a hyphen in English where the document does not tell."""
_LONG = 4
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_WIDE = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]")


class Joiner:
    """Joins lines; it knows the document's words, to tell a hyphen that belongs to one."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._words: Counter[str] = Counter()
        is_cut = False
        for line in lines:
            words = _WORD.findall(line.lower())
            ends_cut = _DIVIDED.search(line) is not None
            # Halves of words are no words.
            self._words.update(words[is_cut : len(words) - ends_cut])
            is_cut = ends_cut

    def join(self, lines: Sequence[str]) -> str:
        """The lines as one text."""
        joined = ""
        for line in lines:
            joined = self._joined(joined, line) if joined else line
        return joined

    def _joined(self, before: str, line: str) -> str:
        match = _DIVIDED.search(before)
        following = _WORD.match(line)
        if match and following and following[0][0].islower():
            return before[: -1 if self._is_one_word(match[1], following[0]) else None] + line
        if match and following:
            return before + line
        if _WIDE.match(line) and _WIDE.match(before[-1]):
            return before + line
        return f"{before} {line}"

    def _is_one_word(self, head: str, tail: str) -> bool:
        """Whether the hyphen is there for the line's end alone."""
        first, second = head.lower(), tail.lower()
        whole, divided = self._words[first + second], self._words[f"{first}-{second}"]
        if whole or divided:
            return whole >= divided
        are_words = len(first) >= _LONG and self._words[first] and self._words[second]
        return not are_words and first not in _WITH_HYPHEN
