"""Sentences that name the text after them without being headings: alone they say nothing."""

import re
from collections.abc import Sequence

from shared.text.blocks import Sentence, SentenceKind
from shared.text.passages import Passage

_BOLD = re.compile(r"(\*\*|__)(?=\S)[^*_\n]{1,200}\1")
_OPENS_BOLD = re.compile(r"<(?:b|strong)>\s*\Z", re.IGNORECASE)
_CLOSES_BOLD = re.compile(r"\s*</(?:b|strong)>", re.IGNORECASE)
_WITHIN = 20
_SHORT_LINE = 40
_ENDED = (".", "!", "?", ":", "。", "！", "？", "：")
_LINE = re.compile(r"[^\W\d_][^\d,;|]*[^\W\d_]")


def labels_of(passage: Passage, *, goes_on: bool) -> frozenset[int]:
    """Where the sentences begin that only name what follows them.

    These are bold ones at the beginning of a line, and short lines that nothing ends, where a
    whole sentence follows in its own line. `goes_on` is whether the document has more after the
    passage.
    """
    sentences = passage.sentences
    return frozenset(
        sentence.start
        for number, sentence in enumerate(sentences)
        if sentence.opens_line
        and sentence.kind is SentenceKind.TEXT
        and (_is_bold(passage, sentence) or _is_short_line(sentences, number, goes_on=goes_on))
    )


def _is_bold(passage: Passage, sentence: Sentence) -> bool:
    """Whether all of a sentence is bold; a passage of HTML lacks the tags around its text."""
    source = passage.quote(sentence, sentence)
    if "<" in source:
        return False
    start, end = sentence.start - passage.start, sentence.end - passage.start
    opens = _OPENS_BOLD.search(passage.source[max(0, start - _WITHIN) : start]) is not None
    closes = _CLOSES_BOLD.match(passage.source, end) is not None
    is_whole = (opens or start == 0) and (closes or end == len(passage.source))
    return (is_whole and (opens or closes)) or _BOLD.fullmatch(source.strip()) is not None


def _is_short_line(sentences: Sequence[Sentence], number: int, *, goes_on: bool) -> bool:
    """Whether a sentence is a line like a heading between whole sentences."""
    text = sentences[number].text
    before, after = sentences[:number][-1:], sentences[number + 1 :][:1]
    return (
        len(text) < _SHORT_LINE
        and text[0].isupper()
        and _LINE.fullmatch(text) is not None
        and all(each.text.endswith(_ENDED) for each in (*before, *after))
        and (after[0].opens_line if after else goes_on)
    )
