"""Words of the same meaning, from a file: the English one that ships, or another.

    {"word": "purchase", "pos": "v", "synonyms": ["buy"]}

`pos` is n (noun), v (verb), a or s (adjective) or r (adverb). A word that is a noun and a verb is
replaced only where the word before it says which.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from shared.training.data.reading import Row, RowError, read_rows, text_cell, value_of
from shared.training.remedies.augment.inflection import bases_of, is_regular
from shared.validation.values import found

SHIPPED = Path(__file__).with_name("english_synonyms.jsonl.gz")
"""From Open English WordNet, CC BY 4.0, see NOTICE."""

_PARTS_OF_SPEECH = {"n": "n", "v": "v", "a": "a", "s": "a", "r": "r"}
_DETERMINERS = """
a an the my your his her its our their this that these those some any every each of
"""
_BEFORE_NOUNS = frozenset(_DETERMINERS.split())
_SUBJECTS_AND_AUXILIARIES = """
to i you we they he she it who can could will would shall should may might must do does did
please cannot
"""
_BEFORE_VERBS = frozenset(_SUBJECTS_AND_AUXILIARIES.split())
_BUILDING = """
about above after again all also any are been before being below between both but can could did
does doing down during each for from had has have having her here him his how into its just like
may might more most much must off only other our out over own same shall she should some still
such than that the their them then there these they this those through too under until very was
way well were what when where which while who why will with would you your yet
"""
FUNCTION_WORDS = frozenset(_BUILDING.split())
"""Words that build sentences; they are never replaced."""


_PARTICIPLE = re.compile(r"\w{4,}(?:ed|ing)")
"""A form of a verb, whatever else it may be: `ordered` seldom means "logical"."""


class Lexicon:
    """Synonyms of words, by their parts of speech."""

    def __init__(self, entries: Mapping[str, Mapping[str, tuple[str, ...]]]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def knows(self, word: str) -> bool:
        """Whether a word, in small letters, stands in it, also as a regular form."""
        return word in self._entries or any(base in self._entries for base, *_ in bases_of(word))

    def synonyms(self, word: str, before: str = "") -> list[str]:
        """What may stand for a word in small letters, in its form; `before` is the word before."""
        if word in FUNCTION_WORDS:
            return []
        entry = self._entries.get(word)
        if entry is not None and not _PARTICIPLE.fullmatch(word):
            found = _of_parts(entry, "nvar", before)
        else:
            found = [
                inflect(each)
                for base, inflect, parts in bases_of(word)
                for each in _of_parts(self._entries.get(base, {}), parts, before)
                if is_regular(each)
            ]
        if before in ("a", "an"):
            found = [each for each in found if (each[0] in "aeiou") == (word[0] in "aeiou")]
        return [each for each in dict.fromkeys(found) if each != word]


def _of_parts(entry: Mapping[str, tuple[str, ...]], parts: str, before: str) -> list[str]:
    """The synonyms of the parts of speech that a word can be where it stands."""
    fitting = [part for part in parts if part in entry]
    if "v" in fitting and before in _BEFORE_VERBS:
        fitting = ["v"]
    elif "v" in fitting and before in _BEFORE_NOUNS:
        fitting.remove("v")
    elif "v" in fitting and len(fitting) > 1:
        return []
    if "a" in fitting:
        fitting = ["a"]
    return [synonym for part in fitting for synonym in entry[part]]


@cache
def read_lexicon(path: Path | None = None) -> Lexicon:
    """Reads a lexicon, JSON Lines, perhaps gzipped; None is the English one that ships.

    Raises:
        InputError: the file is missing or has faults; each is named by its line.
    """
    entries: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for word, part, synonyms in read_rows([(path or SHIPPED, _entry)]):
        known = entries[word].get(part, ())
        entries[word][part] = tuple(dict.fromkeys((*known, *synonyms)))
    return Lexicon(dict(entries))


def _entry(row: Row) -> list[tuple[str, str, tuple[str, ...]]]:
    word, part = text_cell(row, "word").strip().lower(), text_cell(row, "pos")
    if part not in _PARTS_OF_SPEECH:
        raise RowError(f"'pos' is {part[:40]!r}: expected {', '.join(_PARTS_OF_SPEECH)}")
    synonyms = value_of(row, "synonyms")
    if not isinstance(synonyms, list) or not synonyms:
        raise RowError(f"'synonyms' is {found(synonyms)}: expected a list of words")
    read = tuple(text_cell({"synonyms": each}, "synonyms").strip() for each in synonyms)
    if set(read) == {word}:
        raise RowError(f"{word!r} has no synonym but itself: name another or remove the line")
    return [(word, _PARTS_OF_SPEECH[part], read)]
