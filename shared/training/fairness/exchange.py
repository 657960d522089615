"""Exchanges the terms of two groups in a text, as he and she, mother and father.

A list of pairs alone cannot tell what `her` stands for: it is `him` in "I asked her" and `his` in
"I read her report", as `his` is `her` in "his report" and `hers` in "the report is his". Where a
pair for both is listed, the word that follows decides: a possessive stands before a noun or what
belongs to it, so not before punctuation, the end, or a word of a closed list (prepositions,
conjunctions, articles, pronouns, forms of be, have and do). "I saw her leave" is read as a
possessive: verbs look like nouns.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from shared.training.fairness.lines import Exchange
from shared.training.remedies.augment.words import cased

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_NEXT_WORD = re.compile(r"(?:['’]s)?\s+[\"'“‘]?(\w+)")

_FUNCTION_WORDS = """
a about above after again against all already also although always an and are as at be because
been before behind below beside between both but by can could despite did do does during each
either even every for from had has have he her here hers him his how i if immediately in into is
it its later may me might must never nor not now of off on once or our out over shall she should
since so some soon than that the their them then there these they this those though through to
today tomorrow tonight too toward towards twice under unless until up upon us was we were what
when where whether which while who whom whose why will with within without would yesterday yet
you your
"""
_NEVER_POSSESSED = frozenset(_FUNCTION_WORDS.split())


class _Partners(NamedTuple):
    """What a term is exchanged for: before a noun, and else."""

    possessive: str
    plain: str


_POSSESSIVES = {"her": ("his", "him"), "his": ("her", "hers")}
"""Of a term that is possessive and something else: its partners before a noun, and else."""


class TermExchange:
    """Exchanges terms of pairs, whole words alone, in the case that they have in the text.

    A term of several pairs becomes the partner that is listed first, but for `her` and `his`. So a
    second exchange leads back where no such term stood: `mum` and `mom` both become `dad`, which
    becomes the one that is listed first.
    """

    def __init__(self, pairs: Iterable[Exchange]) -> None:
        found: dict[str, list[str]] = {}
        for first, second in (each.terms for each in pairs):
            found.setdefault(first.lower(), []).append(second)
            found.setdefault(second.lower(), []).append(first)
        self._partners = {term: _chosen(term, others) for term, others in found.items()}

    def exchanged(self, text: str) -> str:
        """The text with every term exchanged; the text itself where it has none."""
        return _WORD.sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        word = match[0]
        partners = self._partners.get(word.lower())
        if partners is None:
            return word
        before_noun = partners.possessive != partners.plain and _stands_before_noun(match)
        return cased(partners.possessive if before_noun else partners.plain, word)


def _chosen(term: str, others: list[str]) -> _Partners:
    possessive, plain = _POSSESSIVES.get(term, (others[0], others[0]))
    if possessive in others and plain in others:
        return _Partners(possessive, plain)
    return _Partners(others[0], others[0])


def _stands_before_noun(match: re.Match[str]) -> bool:
    following = _NEXT_WORD.match(match.string, match.end())
    return following is not None and following[1].lower() not in _NEVER_POSSESSED
