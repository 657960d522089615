"""Chinese in simplified forms, by OpenCC: whoever writes 騰訊 means 腾讯."""

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opencc import OpenCC


def simplified(text: str) -> str:
    """The text with simplified forms in the place of traditional ones."""
    converted: str = _converter().convert(text)
    return converted


@lru_cache(maxsize=1 << 16)
def simplified_character(character: str) -> str:
    """The simplified form of one character, whatever stands beside it."""
    return simplified(character)


@cache
def _converter() -> "OpenCC":
    """Made when the first Chinese text comes: its dictionary takes time and memory."""
    from opencc import OpenCC

    return OpenCC("t2s")
