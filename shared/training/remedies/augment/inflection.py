"""Simple inflection of English: the plural and third person, the past and the -ing form.

What the rules cannot form is not formed: irregular words are listed in `_IRREGULAR`.
"""

import re
from collections.abc import Callable

_WITHOUT_RULES = """
arise awake be bear beat become begin bend bet bid bind bite bleed blow break breed bring
broadcast build burn burst buy cast catch choose come cost cut deal dig do draw dream drink
drive eat fall feed feel fight find fly forbid forecast forget forgive freeze get give go grow
hang have hear hide hit hold hurt keep know lay lead learn leave lend let lie light lose make
mean meet offset overcome pay put quit read rid ride ring rise run say see seek sell send set
shake shine shoot show shrink shut sing sink sleep slide speak spend spin split spread
spring stand steal stick sting strike strive swear sweep swim swing take teach tear tell think
throw understand upset wake wear weep win wind withdraw write man woman child foot tooth goose
mouse person ox sheep fish deer series species means news money information equipment advice
data media staff police people cash
"""
_IRREGULAR = frozenset(_WITHOUT_RULES.split())
_VOWELS = "aeiou"
_ONE_SYLLABLE = re.compile(r"[^aeiouy]*[aeiou][^aeiouywx]")
_STRESSED_END = ("mit", "fer", "cur", "pel", "trol")
"""Verbs of several syllables that double their last consonant: committed, preferred."""


def _doubles(word: str) -> bool:
    return _ONE_SYLLABLE.fullmatch(word) is not None or word.endswith(_STRESSED_END)


def with_s(word: str) -> str:
    """The plural of a noun, the third person of a verb."""
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def with_ed(word: str) -> str:
    """The past of a regular verb."""
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        return word[:-1] + "ied"
    return word + (word[-1] if _doubles(word) else "") + "ed"


def with_ing(word: str) -> str:
    """The -ing form of a verb."""
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")):
        return word[:-1] + "ing"
    return word + (word[-1] if _doubles(word) else "") + "ing"


Inflect = Callable[[str], str]
_FORMS: tuple[tuple[str, Inflect, str], ...] = (
    ("s", with_s, "nv"),
    ("ed", with_ed, "v"),
    ("ing", with_ing, "v"),
)
"""A form's ending, what makes it, and the parts of speech that have it."""


_SHORT_IT = re.compile(r"\w|\wit")
"""One letter, and verbs such as to hit, which have one form of their present and past."""


def bases_of(word: str) -> list[tuple[str, Inflect, str]]:
    """The words that a word may be a regular form of, each with what makes the form of others and
    the parts of speech that it may be.
    """
    found = []
    for ending, inflect, parts in _FORMS:
        if not word.endswith(ending):
            continue
        stem = word[: -len(ending)]
        bases = (stem, stem + "e", stem[:-1], stem[:-1] + "y", stem[:-2] + "y", stem[:-1] + "ie")
        found += [
            (base, inflect, parts)
            for base in dict.fromkeys(bases)
            if is_regular(base) and inflect(base) == word
        ]
    return found


def is_regular(word: str) -> bool:
    """Whether the rules form the word's forms."""
    return word not in _IRREGULAR and word.isalpha() and not _SHORT_IT.fullmatch(word)
