"""Sentences that only say where something is written: to somebody who asks, they are no answer.

The forms are those of English help pages. What else a sentence says keeps it an answer: "Log in on
the new phone first, as explained in ..." tells what to do.
"""

import re
from functools import lru_cache

_MAX_CHARACTERS = 400
_HINT = re.compile(
    r"[\"“«‘\[]|https?:|www\.|section|article|guide|chapter|appendix|faq|manual|tutorial|"
    r"documentation|cent(?:re|er)|page|below|above|here|elsewhere|overleaf|following|instructions|"
    r"more|further|additional|complete|full|also|related|reading|content",
    re.IGNORECASE,
)
"""One of these stands in every sentence that points; a search for them is quick."""
_QUOTED = re.compile(
    r"\"[^\"]{2,200}\"|“[^“”]{2,200}”|«[^«»]{2,200}»|‘[^‘’]{2,200}’|\[[^\[\]]{2,200}\]"
)
_TITLE, _LONG_TITLE, _PLACE = "\N{DOUBLE DAGGER}", "\N{PILCROW SIGN}", "\N{REFERENCE MARK}"
"""Stand for a quoted title, which may also be a button's, for one that is too long for a button,
and for another place in writing."""

_LONG_TITLE_WORDS = 6


_ANY = f"{_TITLE}{_LONG_TITLE}{_PLACE}"


def _few(words: int) -> str:
    """At most so many words, none of them a title or place."""
    return rf"(?:[^\s{_ANY}]+ ){{0,{words}}}?"


_PLACES = re.compile(
    r"""(?:(?:the|our|this|that|these|a|an|another|each|its|your|following|next|previous|other|
    separate|same|relevant|corresponding|full|complete|detailed|dedicated|help|support|user|first|
    second|last|online|official|linked|related)[ ]){0,4}
    (?:(?:sections?|articles?|guides?|chapters?|appendix|faqs?|manuals?|tutorials?|
    documentation|help[ ](?:centre|center)|
    (?:help|support|faq|following|next|previous|other|separate|contact|information)[ ]pages?)
    (?:[ ](?:below|above|here|on|of|about|for|called|titled|entitled)(?=\W|$))?
    |(?:steps|instructions|table|list|paragraphs?)[ ](?:below|above)(?=\W|$)
    |(?<=following[ ])(?:steps|instructions|table|list|paragraphs?))
    |https?://\S+|www\.\S+|(?:below|above|here|elsewhere|overleaf)(?=\W|$)""",
    re.IGNORECASE | re.VERBOSE,
)
_TOLD = (
    r"(?:describ|explain|cover|list|compar|outlin|discuss|detail|document|summari[sz]|answer|"
    r"publish|specifi|address|mention)(?:ed|ied)|given|shown|set out|laid out|dealt with|found|"
    r"available|provided|written"
)
_POLITE = r"(?:please |kindly |just |also |simply |then )*"
_LOOK_UP = (
    r"(?:see|refer(?: back)? to|read(?: through)?|consult|(?:have|take) a look at|look at|turn to)"
)
_GO = (
    r"(?:check(?: out)?|visit|follow|view|look (?:in|up)|jump to|head (?:over )?to|go to|"
    r"click(?: on)?|choose|open|try)"
)
_FORMS = tuple(
    re.compile(form.replace("@", f"[{_ANY}]").replace("§", _PLACE), re.IGNORECASE)
    for form in (
        # "For other ways to pay, see @", "See @ for details.", "Follow the steps below."
        rf"(?:.{{1,120}}?[,;:] )?{_POLITE}(?:{_LOOK_UP} {_few(4)}@|{_GO} {_few(4)}[§{_LONG_TITLE}])"
        r".{0,60}",
        # "The steps are described in @, prices in @ and the rest in @."
        rf"(?:\S+ ){{1,14}}?(?:is|are|was|were|be|been) (?:\w+ ){{0,2}}?(?:{_TOLD}) "
        r"(?:\w+ ){0,3}?@.{0,200}",
        # "This article explains how to do that."
        r"@ (?:also )?(?:describes?|explains?|covers?|shows?|lists?|tells?|walks?|answers?|"
        r"contains?|outlines?|gives?|provides?|compares?)\b.{0,120}",
        # "You can find the steps in the next section.", "We describe it here."
        rf"(?:you|we|they)(?: can|'ll| will| may|'ve| have)? (?:also )?(?:find|read|learn|see|get|"
        rf"describe|explain|list|cover|discuss)(?:ed)?\b {_few(12)}@.{{0,60}}",
        # "Do it as described in @."
        rf"{_few(6)}(?:as|like) (?:\w+ )?(?:{_TOLD}) (?:\w+ ){{0,3}}?@.{{0,30}}",
        # Without a place.
        r"(?:for )?(?:more|further|additional|full|complete) (?:information|details?|instructions|"
        r"help|reading)\b(?!.*\b(?:needed|required|requested|call|phone|ring|text|write)\b).{0,120}",
        r"(?:learn|read|find out|see) more\b.{0,120}",
        r"see also\b.{0,300}",
        r"related (?:articles?|topics?|questions|pages|links)\b.{0,300}",
        r"(?:tap|go) §.{0,80}",
        r"(?:continue reading|back to top|skip to (?:main )?content|table of contents)\W*",
        r"(?:§\W*)+",
    )
)
_NAMED = re.compile(f"[{_ANY}]")
_LIST_MARK = re.compile(r"\A(?:[-*+•]|\d{1,3}[.)])\s+")
_INSTRUCTION_AFTER = re.compile(
    r"(?:,| and| then| to) (?:tap|press|choose|select|enter|call|send|open|pay|turn|add|remove|"
    r"confirm|log|sign|type|ask|wait|freeze|order)\b|: \S+ \S+",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def only_points_elsewhere(text: str) -> bool:
    """Whether a sentence, as a person reads it, has nothing to tell but where to read on.

    The answer is kept for the sentences of late, since the same passages answer again and again.
    """
    if len(text) > _MAX_CHARACTERS or _HINT.search(text) is None:
        return False
    plain = _LIST_MARK.sub("", text).strip()
    marked = _PLACES.sub(_PLACE, _QUOTED.sub(_mark, plain))
    _, *after = _NAMED.split(marked, maxsplit=1)
    if any(map(_INSTRUCTION_AFTER.search, after)):
        return False
    return any(form.fullmatch(marked) for form in _FORMS)


def _mark(quoted: re.Match[str]) -> str:
    return _LONG_TITLE if len(quoted[0].split()) >= _LONG_TITLE_WORDS else _TITLE
