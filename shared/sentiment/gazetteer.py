"""Names, aliases and tickers of known entities, found in texts as whole words.

A text is cut into words and signs, and of the runs of them that are known names the longest win,
where they overlap. (pyahocorasick searches characters: whole words, folding and the longest
whole-word match would all remain to be done.)

Case decides where a name may be another word. Names of one word that are written with a capital
need it in the text too ("Gap", not "gap"), acronyms need all of theirs, unless the text has no
capitals at all. Longer names match in any case. A ticker matches in capitals, or in any case as a
cashtag (`$acme`); one that is an ordinary word or one letter, or one in a text all in capitals,
matches only in a form that tickers alone have (`$F`, `(NYSE: F)`, `F.N`, `（600519）`).

In Chinese and other scripts without spaces a name may begin and end anywhere, so that a short one
is found in a longer one that is not known: list both. Traditional forms count as simplified ones.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from shared.errors import ConfigError, InputError
from shared.sentiment.tickers import (
    TICKER,
    in_ticker_form,
    is_joined_after,
    is_joined_before,
    market_end,
)
from shared.sentiment.words import (
    Token,
    fold,
    is_capitals,
    is_ordinary,
    is_readable,
    longest,
    tokens,
)
from shared.tabular.rows import BadRow, Row
from shared.tabular.table import TableFormat, open_table
from shared.text.scripts import UNSPACED
from shared.validation.faults import faults_of, joined

_MAX_TICKER_LENGTH = 12
_UNCASED = re.compile(f"[{UNSPACED}]")


class _Case(IntEnum):
    """What a name of one word needs of a text that tells capitals from small letters."""

    ANY = 0
    CAPITAL = 1
    CAPITALS = 2


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Entry:
    """One entity with the ways to write it; its own name counts among them."""

    entity: str
    aliases: tuple[str, ...] = ()
    tickers: tuple[str, ...] = ()


_ENTRY = TypeAdapter(Entry)


@dataclass(frozen=True, slots=True)
class Span:
    """A name found: `text[start:end]` names `entity`."""

    entity: str
    start: int
    end: int


_Names = defaultdict[str, list[tuple[str, _Case]]]
"""By their folded spelling: the entities that are written so, and what they need of the case."""


class Gazetteer:
    """Finds the names of its entries.

    Where a way of writing belongs to several entities, those of which it is the own name are
    meant; if it is an alias of several, each of them is.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        aliases: _Names = defaultdict(list)
        own: _Names = defaultdict(list)
        self._tickers: defaultdict[str, list[str]] = defaultdict(list)
        for entry in entries:
            _add_name(own, entry.entity, entry.entity)
            for alias in entry.aliases:
                _add_name(aliases, alias, entry.entity)
            for ticker in entry.tickers:
                _check_ticker(ticker, entry.entity)
                if entry.entity not in self._tickers[ticker.upper()]:
                    self._tickers[ticker.upper()].append(entry.entity)
        self._own = {key: entities[0][0] for key, entities in own.items()}
        self._names: dict[str, list[tuple[str, _Case]]] = {**aliases, **own}
        self._lengths = _lengths_by_first_word(self._names)

    @classmethod
    def load(cls, path: Path) -> "Gazetteer":
        """Reads JSON lines `{"entity", "aliases"?, "tickers"?}`.

        Raises:
            ConfigError: the file cannot be read, or a line is not such an object.
        """
        try:
            table = open_table(path, table_format=TableFormat.JSON_LINES)
            return cls([_entry(row) for row in table.rows()])
        except ValueError as error:
            raise ConfigError(
                f"{path}: {error}: expected "
                '{"entity": "Name", "aliases": ["..."], "tickers": ["..."]}'
            ) from None
        except InputError as error:
            raise ConfigError(str(error)) from None
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    def own_name(self, name: str) -> str | None:
        """The entity whose own name this is, but for case, Unicode form and spaces."""
        return self._own.get(fold(name))

    def find(self, text: str) -> list[Span]:
        """The names in a text from left to right; of those that overlap the longest."""
        words = tokens(text)
        has_capitals = any(map(str.isupper, text))
        has_small = any(map(str.islower, text))
        # Capitals stand out among letters that have no case.
        shows_tickers = has_small or _UNCASED.search(text) is not None
        found: dict[tuple[int, int], list[str]] = {}
        for place, (key, start, _) in enumerate(words):
            if key in self._lengths:
                named = self._names_at(words, place, text, has_capitals and has_small)
                for stretch, entities in named:
                    found.setdefault(stretch, entities)
            if key == "$" or text[start].isupper() or key[0].isdigit():
                ticker = self._ticker_at(start, text, bare=shows_tickers)
                if ticker is not None:
                    found.setdefault(*ticker)
        return [
            Span(entity, start, end)
            for start, end in sorted(longest(found))
            for entity in found[start, end]
        ]

    def _names_at(
        self, words: Sequence[Token], place: int, text: str, shows_case: bool
    ) -> list[tuple[tuple[int, int], list[str]]]:
        found = []
        for length in self._lengths[words[place][0]]:
            run = words[place : place + length]
            known = self._names.get(" ".join([key for key, _, _ in run]))
            if known is None or len(run) < length:
                continue
            start, end = run[0][1], run[-1][2]
            surface = text[start:end]
            entities = [name for name, case in known if _fits(surface, case, shows_case)]
            if entities:
                found.append(((start, end), entities))
        return found

    def _ticker_at(
        self, start: int, text: str, *, bare: bool
    ) -> tuple[tuple[int, int], list[str]] | None:
        first = start + (text[start] == "$")
        match = TICKER.match(text, first)
        if match is None:
            return None
        end = match.end()
        entities = self._tickers.get(match.group().upper(), [])
        if not entities and "." in match.group():
            end = first + match.group().index(".")
            entities = self._tickers.get(text[first:end].upper(), [])
            if market_end(text, first, end) is None:
                return None
        if not entities:
            return None
        symbol = text[first:end]
        if in_ticker_form(text, first, end):
            return (start, market_end(text, first, end) or end), entities
        is_bare = bare and symbol.isupper() and not is_ordinary(symbol)
        if not is_bare or is_joined_before(text, start) or is_joined_after(text, end):
            return None
        return (start, end), entities


def _fits(surface: str, case: _Case, shows_case: bool) -> bool:
    """Whether a text may mean a name that it has; `shows_case` where it has letters of both."""
    if case is _Case.CAPITALS:
        return surface.isupper() if shows_case else not is_ordinary(surface)
    return case is _Case.ANY or not shows_case or not surface[0].islower()


def _add_name(names: _Names, name: str, entity: str) -> None:
    if not is_readable(name):
        raise ConfigError(
            f"{entity!r} has the name {name!r} without any letter or digit: remove it"
        )
    key, case = fold(name), _Case.ANY
    if " " not in key and name.strip()[0].isupper():
        case = _Case.CAPITALS if is_capitals(name.strip()) else _Case.CAPITAL
    known = names[key]
    if (entity, case) not in known:
        known.append((entity, case))


def _check_ticker(ticker: str, entity: str) -> None:
    if len(ticker) > _MAX_TICKER_LENGTH or not TICKER.fullmatch(ticker):
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


def _entry(row: Row | BadRow) -> Entry:
    if isinstance(row, BadRow):
        raise ValueError(f"line {row.number}: {row.reason}")
    try:
        return _ENTRY.validate_python(row.values)
    except ValidationError as error:
        faults = joined(faults_of(error, row.values))
        raise ValueError(f"line {row.number}: {faults}") from None
