"""What of a text must survive an edit: names, numbers, tickers, negations.

Names are what a row labels, what a file lists, what is marked (`@ Reliance @`), and capitalised
words where the case tells them apart from others. A text in which they did not survive is not
learned from: its label may no longer be true.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.errors import InputError
from shared.sentiment.tickers import TICKER, in_ticker_form, market_end
from shared.sentiment.words import is_capitals, is_ordinary
from shared.training.data.reading import RowFault, raise_faults
from shared.training.remedies.augment.edits import Passage, Stretch
from shared.training.remedies.augment.lexicon import FUNCTION_WORDS, read_lexicon
from shared.training.remedies.augment.words import Word, words_of

_NEGATION = re.compile(
    r"\b\w+n['’]t\b"
    r"|\b(?:cannot|not|no|never|without|less|nor|none|neither|nobody|nothing|nowhere|hardly|barely"
    r"|scarcely|rarely|seldom|lack(?:s|ed|ing)?|unless|except|few|fewer|least|minus"
    r"|(?:do|does|did|is|are|was|were|has|have|had|ca|wo|could|would|should)nt)\b"
    r"|[不没沒無无未]",
    re.IGNORECASE,
)
_MEANING_NOT = re.compile(r"cannot|\w+n['’]?t", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9])[$€£¥₹]?[+\-−]?[A-Za-z]*[0-9](?:[A-Za-z0-9.,:/]*[A-Za-z0-9])?%?"
)
_NUMBER_WORD = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty"
    r"|sixty|seventy|eighty|ninety|hundreds?|thousands?|[mb]illions?|trillions?|crores?|lakhs?"
    r"|dozens?|half|double|triple|twice|percent)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"https?://\S+|www\.\S+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}|[@#]\w+"
    r"|\{\{[^{}]{1,100}\}\}|@ [^@\n]{1,100} @"
)
_SENTENCE_START = re.compile(r"(?:\A|[.!?:;\n]|[-–—|]\s)[\s\"'“‘(\[]*\Z")
_COURTESIES = frozenset(("please", "thanks", "thank", "hello", "hey", "dear"))
_MOST_CHARACTERS = 200
_LOOK_BACK = 8


@dataclass(frozen=True, slots=True)
class Names:
    """Names that a team lists, to be protected wherever they stand."""

    pattern: re.Pattern[str] | None = None

    def stretches(self, text: str) -> Iterator[Stretch]:
        """Where names stand, whatever their case, as whole words."""
        if self.pattern is not None:
            yield from (match.span() for match in self.pattern.finditer(text))


@cache
def read_names(path: Path | None) -> Names:
    """Reads a list of names, one a line; None lists none.

    Raises:
        InputError: it cannot be read or has faults; each is named by its line.
    """
    if path is None:
        return Names()
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the list of names cannot be read as UTF-8: {error}") from error
    names = {number: line.strip() for number, line in enumerate(lines, start=1) if line.strip()}
    faults = [
        RowFault(path, number, reason) for number, name in names.items() if (reason := _fault(name))
    ]
    if not names:
        faults = [RowFault(path, 0, "lists no names: write one a line, or leave out protect")]
    raise_faults(faults)
    longest_first = sorted(set(names.values()), key=lambda name: (-len(name), name))
    alternatives = "|".join(map(re.escape, longest_first))
    return Names(re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE))


def _fault(name: str) -> str | None:
    if len(name) > _MOST_CHARACTERS:
        return f"a name of {len(name)} characters: at most {_MOST_CHARACTERS} are allowed"
    if not any(character.isalnum() for character in name):
        return f"{name[:40]!r} has neither a letter nor a digit: correct or remove it"
    return None


def protect(text: str, labelled: Iterable[Stretch] = (), names: Names | None = None) -> Passage:
    """The text with what must stay: the labelled stretches, and what it shows by itself."""
    found = [
        *labelled,
        *(names or Names()).stretches(text),
        *_tickers(text),
        *_capitalised(text),
        *(
            match.span()
            for pattern in (_NEGATION, _NUMBER, _NUMBER_WORD, _ADDRESS)
            for match in pattern.finditer(text)
        ),
    ]
    return Passage(text, tuple(_merged(found)))


def survived(passage: Passage, after: str) -> bool:
    """Whether all that is protected still stands in the text `after`, letter for letter, and it
    has the same numbers and negations as before; `n't` may become `not`.
    """
    for stretch, count in Counter(passage.text[a:b] for a, b in passage.protected).items():
        is_negation = _NEGATION.fullmatch(stretch) is not None
        if not is_negation and after.count(stretch) < count:
            return False
    same_negations = _negations(passage.text) == _negations(after)
    return same_negations and _numbers(passage.text) == _numbers(after)


def _negations(text: str) -> Counter[str]:
    found = (match.group().lower() for match in _NEGATION.finditer(text))
    return Counter("not" if _MEANING_NOT.fullmatch(each) else each for each in found)


def _numbers(text: str) -> Counter[str]:
    return Counter(match.group() for match in _NUMBER.finditer(text))


def _tickers(text: str) -> Iterator[Stretch]:
    is_shouted = text.upper() == text
    for match in TICKER.finditer(text):
        start, end = match.span()
        if in_ticker_form(text, start, end):
            start -= text[max(0, start - 1) : start] == "$"
            yield start, market_end(text, *match.span()) or end
        elif not is_shouted and len(match.group()) > 1 and is_capitals(match.group()):
            yield start, end


def _capitalised(text: str) -> Iterator[Stretch]:
    """Words that are names by their case.

    Where a sentence begins, and in titles, every word is capitalised: there it is one that is not
    known as an ordinary word.
    """
    words = words_of(text)
    is_title = _is_title(words)
    for word in words:
        if not word.text[0].isupper() or word.text.isupper() or _stem(word.text) == "i":
            continue
        before = text[max(0, word.start - _LOOK_BACK) : word.start]
        begins = word.start == 0 or _SENTENCE_START.search(before) is not None
        if not (is_title or begins) or not _is_known(word.text.lower()):
            yield word.start, word.end


def _is_known(word: str) -> bool:
    """Whether a word in small letters is no name by itself."""
    stem = _stem(word)
    is_form = len(stem) > 5 and stem.endswith(("ed", "ing", "ly"))
    is_listed = stem in FUNCTION_WORDS or stem in _COURTESIES or is_ordinary(stem)
    return is_form or is_listed or read_lexicon().knows(stem)


def _stem(word: str) -> str:
    """What stands before an apostrophe, in small letters."""
    return re.split("['’]", word)[0].lower()


def _is_title(words: Sequence[Word]) -> bool:
    long = [word.text for word in words if len(word.text) > 3]
    told = [word for word in long if word.lower() not in FUNCTION_WORDS]
    return len(told) > 1 and all(word[0].isupper() for word in told)


def _merged(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """The stretches in order, those that overlap as one."""
    begin, until = -1, -1
    for start, end in sorted(stretches):
        if start < until:
            until = max(until, end)
            continue
        if until > begin:
            yield begin, until
        begin, until = start, end
    if until > begin:
        yield begin, until
