"""Which writing a tokenizer knows, and how much of a text is in one that it does not know.

A vocabulary of English words still holds the letters of many alphabets, and some hundred Chinese
characters: texts in them are read, letter by letter, as noise. So a script counts as known where
the tokenizer makes of common words of it what it makes of words that it was trained on: few pieces,
and none of them unknown.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from tokenizers import Tokenizer

from shared.models.tasks import Float32s, Input

_MAX_UNKNOWN = 0.1
_MAX_PIECES = 0.75
_MAX_PIECES_OF_HAN = 1.5
_CHARACTERS_A_WORD = 2


@dataclass(frozen=True, slots=True)
class Script:
    """Characters of a script as ranges of a regular expression, and common words in it.

    `is_spaced` is whether spaces stand between its words.
    """

    ranges: str
    words: str
    is_spaced: bool = True


HAN: Final = Script(
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f",
    "这个订单什么时候可以发货我想知道怎么退款请问为什么还没有收到银行卡密码",
    is_spaced=False,
)
SCRIPTS: Final = (
    HAN,
    Script(
        r"\u3040-\u30ff\uff66-\uff9f",
        "カードがまだとどいていませんがどうすればいいですか",
        is_spaced=False,
    ),
    Script(
        r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
        "주문한 카드가 아직 도착하지 않았는데 어떻게 해야 하나요",
    ),
    Script(r"\u0400-\u052f", "когда придёт карта почему не работает заказ деньги вернуть пароль"),
    Script(
        r"\u0370-\u03ff\u1f00-\u1fff", "πότε έρχεται κάρτα παραγγελία γιατί χρήματα λογαριασμός"
    ),
    Script(
        r"\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff",
        "متى تصل البطاقة لماذا الطلب كيف أسترجع المال حسابي",
    ),
    Script(r"\u0590-\u05ff", "מתי מגיע הכרטיס למה ההזמנה איך להחזיר כסף חשבון"),
    Script(r"\u0900-\u097f", "कार्ड कब आएगा ऑर्डर क्यों पैसे वापस कैसे खाता"),
    Script(r"\u0980-\u09ff", "কার্ড কখন আসবে অর্ডার কেন টাকা ফেরত কিভাবে"),
    Script(r"\u0b80-\u0bff", "அட்டை எப்போது வரும் பணம் திரும்ப எப்படி கணக்கு"),
    Script(r"\u0e00-\u0e7f", "บัตรจะมาถึงเมื่อไหร่ทำไมฉันยังไม่ได้รับเงินคืน", is_spaced=False),
    Script(r"\u0530-\u058f", "երբ կգա քարտը ինչու պատվեր գումար հաշիվ"),
    Script(r"\u10a0-\u10ff", "როდის მოვა ბარათი რატომ შეკვეთა ფული ანგარიში"),
)


class UnknownScripts:
    """The scripts that a tokenizer does not know; it is asked once, when this is made."""

    def __init__(self, tokenizer: Tokenizer, unknown_id: int | None) -> None:
        unknown = [each for each in SCRIPTS if not _knows(tokenizer, unknown_id, each)]
        self._of_spaced = _runs(script for script in unknown if script.is_spaced)
        self._of_others = _runs(script for script in unknown if not script.is_spaced)
        self._any = _runs(unknown)

    def shares(self, inputs: Sequence[Input]) -> Float32s | None:
        """The share of each input; None where all are 0."""
        shares = [self.share(each if isinstance(each, str) else " ".join(each)) for each in inputs]
        return np.array(shares, np.float32) if any(shares) else None

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
