"""Sentences of a text, as offsets."""

import re
from collections.abc import Iterator
from itertools import pairwise

# Possessive, and only from where a run begins: else a text of nothing but dots takes hours.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]*+(?=\s)|[。！？]++[”’」』]*+|\n")
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘\[])(?P<marks>[*_]{0,3})(?:[A-Za-z]|e\.g|i\.e|a\.m|p\.m|u\.s|u\.k|mr|mrs|ms|dr|"
    r"prof|st|no|vs|etc|fig|al|inc|ltd|co|approx|dept|max|min)$",
    re.IGNORECASE,
)
_MARKER = re.compile(
    r"(?:(?:^|\n|[.!?:]\s)[\s>]*(?P<marks>[*_]{0,3})[A-Z]?|(?:^|\n)[\s>]*(?:\d{1,3}\.){1,3})\d{1,3}$"
)
_LABEL_LINE = re.compile(r"[\s>*_]*[QA]\d{0,3}[.):][*_]*")
_OPENS_SENTENCE = re.compile(r"\s+[\"'“‘(\[*_#]*[^a-z\s]")
_SHORT_LINE = 40
_BEFORE = 24


def split_sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of a text as `(start, end)`, in order, without the space around them.

    Together they hold every character that is not white space. A line break ends a sentence where
    the line looks finished: after punctuation, before a list item, or when it is short. What only
    names what follows (`Q.`, `**1.**`, `6.1.`) is no sentence.
    """
    bounds = [0, *_boundaries(text), len(text)]
    pieces = (trim(text, start, end) for start, end in pairwise(bounds))
    return [(start, end) for start, end in pieces if start < end]


def _boundaries(text: str) -> Iterator[int]:
    line_start = 0
    for match in _END.finditer(text):
        end = match.end()
        if match[0] == "\n":
            line, line_start = text[line_start : match.start()].rstrip(), end
            if _line_is_finished(line, text, end):
                yield end
        elif match[0][0] in "。！？" or _ends_sentence(text, match):
            yield end


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    if not _OPENS_SENTENCE.match(text, match.end()):
        return False
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    label = _ABBREVIATION.search(before) or _MARKER.search(before)
    return label is None or match[0] not in {".", f".{label['marks']}"}


def _line_is_finished(line: str, text: str, end: int) -> bool:
    return _LABEL_LINE.fullmatch(line) is None and (
        len(line) < _SHORT_LINE
        or line[-1:] in ".!?:;…。！？"
        or _LIST_ITEM.match(text, end) is not None
    )


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Characters `[start, end)` of a text without the space around them."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
