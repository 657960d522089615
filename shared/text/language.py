"""Which language a text is in, as far as its writing tells.

Scripts tell Chinese from English, and Japanese, Korean and Russian from both. They do not tell
English from other languages in Latin letters, which count as English here: what reads these best
where nothing else is configured.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.text.scripts import HAN, HANGUL, KANA

_LEAST_CHINESE = 0.3
"""A text with at least this share of Chinese words is Chinese: `iPhone 15 Pro 怎么退货`."""
_LEAST_JAPANESE = 0.1
"""Of Chinese and Japanese characters; whole Japanese sentences have at least a third of kana."""
_LEAST_OTHER = 0.5
_CHARACTERS_A_WORD = 2

_HAN: Final = re.compile(f"[{HAN.ranges}]")
_KANA: Final = re.compile(f"[{KANA.ranges}]")
_HANGUL: Final = re.compile(f"[{HANGUL.ranges}]+")
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a]+")
_WORD: Final = re.compile(r"[^\W\d_]+")


class Language(StrEnum):
    """A language that writing tells; `OTHER` is any that is neither of the first two."""

    ENGLISH = "en"
    CHINESE = "zh"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Words:
    """How many words of a text are written how; two characters of Chinese count as one."""

    latin: float = 0.0
    chinese: float = 0.0
    other: float = 0.0

    @classmethod
    def of(cls, text: str) -> "Words":
        """Those of a text."""
        if text.isascii():
            return cls(latin=len(_LATIN.findall(text)))
        han, kana = len(_HAN.findall(text)), len(_KANA.findall(text))
        latin, hangul = len(_LATIN.findall(text)), len(_HANGUL.findall(text))
        rest = _LATIN.sub(" ", _HANGUL.sub(" ", _KANA.sub(" ", _HAN.sub(" ", text))))
        others = hangul + len(_WORD.findall(rest)) + kana / _CHARACTERS_A_WORD
        characters = han / _CHARACTERS_A_WORD
        if kana >= _LEAST_JAPANESE * (han + kana):
            return cls(latin, 0.0, others + characters)
        return cls(latin, characters, others)

    def __add__(self, more: "Words") -> "Words":
        return Words(self.latin + more.latin, self.chinese + more.chinese, self.other + more.other)

    @property
    def language(self) -> Language | None:
        """The language of these words; None where there are none."""
        total = self.latin + self.chinese + self.other
        if not total:
            return None
        if self.other >= _LEAST_OTHER * total:
            return Language.OTHER
        is_chinese = self.chinese >= _LEAST_CHINESE * total
        return Language.CHINESE if is_chinese else Language.ENGLISH


def language_of(text: str) -> Language | None:
    """The language of a text; None where it has no letter."""
    return Words.of(text).language


def language_of_all(texts: Iterable[str]) -> Language | None:
    """The language of texts taken together, as of the documents of a knowledge base."""
    return sum(map(Words.of, texts), Words()).language
