"""Names, aliases and tickers of known entities, found in texts as whole words.

A text is cut into words and signs, and the longest run of them that is a known name wins, from the
left. Keys are runs of words rather than of characters, so a name inside a word never matches and
offsets are those of the text itself, however case folding changes lengths. (pyahocorasick searches
characters: whole words, folding and the longest whole-word match would all remain to be done.)

Case decides where a name may be another word. Names of one word that are written with a capital
need it in the text too ("Gap", not "gap"), unless the text has no capitals at all. Longer names
match in any case. A ticker matches in capitals, or in any case as a cashtag (`$acme`); a ticker of
one letter, or one in a text all in capitals, only as a cashtag.
"""

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigError

# Words of scripts that are written without spaces are cut into characters. Python's \w leaves
# out the combining marks that belong to words in Hebrew, Arabic and the scripts of India.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_TOKEN = re.compile(
    rf"[{_UNSPACED}](?:[{_MARKS}]*)|(?:(?![{_UNSPACED}])[\w{_MARKS}])+|[^\w\s{_MARKS}]"
)
_ASCII_TOKEN = re.compile(r"\w+|[^\w\s]")
_SIGNS = str.maketrans({"’": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-", "—": "-"})
_TICKER = re.compile(r"[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)?")
_MAX_TICKER_LENGTH = 12
# A ticker joined to another word is part of that word ("S&P", "T-shirt"); `'s` may follow it.
_JOINED_BEFORE = re.compile(r"(?:[\w&@/]|\w[-.'’])\Z")
_JOINED_AFTER = re.compile(r"[\w&@/]|[-.]\w|['’](?![sS]\b)\w")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entity with the ways to write it; its own name counts among them."""

    entity: str
    aliases: tuple[str, ...] = ()
    tickers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A name found: `text[start:end]` names `entity`."""

    entity: str
    start: int
    end: int


_Token = tuple[str, int, int]
"""A word or sign as it is compared, where it starts and where it ends."""


class Gazetteer:
    """Finds the names of its entries.

    Where a way of writing belongs to several entities, those of which it is the own name are
    meant; if it is an alias of several, each of them is.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        aliases: defaultdict[str, list[tuple[str, bool]]] = defaultdict(list)
        own: defaultdict[str, list[tuple[str, bool]]] = defaultdict(list)
        self._tickers: defaultdict[str, list[str]] = defaultdict(list)
        for entry in entries:
            _add_name(own, entry.entity, entry.entity)
            for alias in entry.aliases:
                _add_name(aliases, alias, entry.entity)
            for ticker in entry.tickers:
                _check_ticker(ticker, entry.entity)
                if entry.entity not in self._tickers[ticker.upper()]:
                    self._tickers[ticker.upper()].append(entry.entity)
        self._names: dict[str, list[tuple[str, bool]]] = {**aliases, **own}
        self._lengths = _lengths_by_first_word(self._names)

    @classmethod
    def load(cls, path: Path) -> "Gazetteer":
        """Reads JSON lines `{"entity", "aliases"?, "tickers"?}`.

        Raises:
            ConfigError: the file cannot be read, or a line is not such an object.
        """
        try:
            lines = path.read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from error
        entries = []
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    entries.append(_entry(line))
                except (ValueError, TypeError) as error:
                    raise ConfigError(
                        f"{path}: line {number}: {error}: expected "
                        '{"entity": "Name", "aliases": ["..."], "tickers": ["..."]}'
                    ) from None
        try:
            return cls(entries)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    def find(self, text: str) -> list[Span]:
        """The names in a text from left to right, the longest at each place, none overlapping."""
        tokens = _tokens(text)
        has_capitals = any(map(str.isupper, text))
        has_small = any(map(str.islower, text))
        spans: list[Span] = []
        end = 0
        for place, (key, start, _) in enumerate(tokens):
            if start < end:
                continue
            found: list[Span] = []
            if key in self._lengths:
                found = self._name_at(tokens, place, text, any_case=not has_capitals)
            if not found and (key == "$" or text[start].isupper() or key[0].isdigit()):
                found = self._ticker_at(start, text, bare=has_small)
            if found:
                spans += found
                end = found[0].end
        return spans

    def _name_at(
        self, tokens: Sequence[_Token], place: int, text: str, *, any_case: bool
    ) -> list[Span]:
        for length in self._lengths[tokens[place][0]]:
            run = tokens[place : place + length]
            known = self._names.get(" ".join([key for key, _, _ in run]))
            if known is None or len(run) < length:
                continue
            start, end = run[0][1], run[-1][2]
            free = any_case or not text[start].islower()
            entities = [entity for entity, needs_capital in known if free or not needs_capital]
            if entities:
                return [Span(entity, start, end) for entity in entities]
        return []

    def _ticker_at(self, start: int, text: str, *, bare: bool) -> list[Span]:
        cashtag = text[start] == "$"
        match = _TICKER.match(text, start + 1 if cashtag else start)
        if match is None:
            return []
        symbol, end = match.group(), match.end()
        entities = self._tickers.get(symbol.upper(), [])
        if not entities or not (cashtag or (bare and len(symbol) > 1 and symbol.isupper())):
            return []
        if _JOINED_BEFORE.search(text[max(0, start - 2) : start]) or _JOINED_AFTER.match(text, end):
            return []
        return [Span(entity, start, end) for entity in entities]


def _tokens(text: str) -> list[_Token]:
    if text.isascii():
        found = _ASCII_TOKEN.finditer(text)
        return [(match.group().lower(), match.start(), match.end()) for match in found]
    found = _TOKEN.finditer(text)
    return [(_key(match.group()), match.start(), match.end()) for match in found]


def _key(token: str) -> str:
    if token.isascii():
        return token.lower()
    return unicodedata.normalize("NFKC", token.translate(_SIGNS)).casefold()


def _add_name(names: defaultdict[str, list[tuple[str, bool]]], name: str, entity: str) -> None:
    tokens = _tokens(name)
    if not any(character.isalnum() for character in name):
        raise ConfigError(
            f"{entity!r} has the name {name!r} without any letter or digit: remove it"
        )
    needs_capital = len(tokens) == 1 and name.strip()[0].isupper()
    known = names[" ".join(key for key, _, _ in tokens)]
    if (entity, needs_capital) not in known:
        known.append((entity, needs_capital))


def _check_ticker(ticker: str, entity: str) -> None:
    if len(ticker) > _MAX_TICKER_LENGTH or not _TICKER.fullmatch(ticker):
        raise ConfigError(
            f"{entity!r} has the ticker {ticker!r}: expected up to {_MAX_TICKER_LENGTH} ASCII "
            "letters and digits with at most one dot or hyphen inside, without `$`"
        )


def _lengths_by_first_word(names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """For each first word of a name: how many words such names have, the longest first."""
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for key in names:
        words = key.split(" ")
        lengths[words[0]].add(len(words))
    return {word: tuple(sorted(found, reverse=True)) for word, found in lengths.items()}


def _entry(line: str) -> Entry:
    values = json.loads(line)
    if not isinstance(values, dict):
        raise TypeError(f"found a {type(values).__name__}")
    unknown = values.keys() - {"entity", "aliases", "tickers"}
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    entity = values.get("entity")
    if not isinstance(entity, str):
        raise TypeError("no entity")
    return Entry(entity, _strings(values, "aliases"), _strings(values, "tickers"))


def _strings(values: dict[str, object], key: str) -> tuple[str, ...]:
    found = values.get(key, [])
    if not isinstance(found, list):
        raise TypeError(f"{key} is no list")
    strings = tuple(item for item in found if isinstance(item, str))
    if len(strings) != len(found):
        raise TypeError(f"{key} holds something else than strings")
    return strings
