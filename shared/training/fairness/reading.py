"""Reads files of names, sentences and behavioural tests; every fault is named by its line."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from shared.errors import InputError
from shared.tabular.source import TableError
from shared.tabular.table import TableFormat, open_table
from shared.training.data.reading import RowError, RowFault, raise_faults, read_part
from shared.training.fairness.lines import (
    AnyLine,
    BehaviouralTest,
    Direction,
    Exchange,
    Invariance,
    MinimumFunctionality,
    Names,
    Sentence,
    Template,
)
from shared.training.fairness.sentences import Filled, PersonSentences, fill
from shared.validation.faults import faults_of, joined

MAX_SENTENCES = 1_000_000

_LINE: TypeAdapter[AnyLine] = TypeAdapter(AnyLine)
_LineT = TypeVar("_LineT")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A line with its number, from 1."""

    number: int
    line: AnyLine


@dataclass(frozen=True, slots=True)
class NamesAndTemplates:
    """The lists of names and the sentences with slots of a file."""

    names: Sequence[Names]
    templates: Sequence[Template]


def read_sentences(path: Path) -> PersonSentences:
    """All sentences about persons: each template with each name, and those that are written out.

    Raises:
        InputError: the file cannot be read, has lines with faults or no such sentences, a
            template lacks a group that others have, or no attribute has two groups.
    """
    placed = _read(path, "a template with names, or a sentence", (Names, Template, Sentence))
    faults = list(_fault_lines(path, placed))
    raise_faults(faults)
    names, templates = _of(placed, Names), _of(placed, Template)
    count = sum(len(each.names) for each in names) * len(templates)
    if count > MAX_SENTENCES:
        raise InputError(
            f"{path}: its names and templates make {count:,} sentences, more than "
            f"{MAX_SENTENCES:,}: leave out some of either"
        )
    written = [Filled(each.template, each.text, each.groups) for each in _of(placed, Sentence)]
    labels = {each.template: each.label for each in _of(placed, Sentence)}
    labels |= {each.template: each.label for each in templates}
    sentences = PersonSentences.of([*fill(templates, names), *written], labels)
    raise_faults([RowFault(path, 0, reason) for reason in sentences.faults()])
    return sentences


def read_names_and_templates(path: Path) -> NamesAndTemplates:
    """The lists of names and the sentences with slots, which rows to learn from are made of.

    Raises:
        InputError: the file cannot be read, has lines with faults, or has none of either.
    """
    placed = _read(path, "names, and a template", (Names, Template))
    raise_faults(list(_fault_lines(path, placed)))
    return NamesAndTemplates(_of(placed, Names), _of(placed, Template))


def read_exchanges(path: Path) -> tuple[Exchange, ...]:
    """The pairs of terms that are exchanged.

    Raises:
        InputError: the file cannot be read, has lines with faults or no pairs, or a pair stands
            twice.
    """
    placed = _read(path, "an exchange", (Exchange,))
    raise_faults(list(_repeated_exchanges(path, placed)))
    return tuple(_of(placed, Exchange))


def read_behaviour(path: Path) -> tuple[BehaviouralTest, ...]:
    """The behavioural tests of a file.

    Raises:
        InputError: the file cannot be read, has lines with faults, or no tests.
    """
    kinds = (MinimumFunctionality, Invariance, Direction)
    placed = _read(path, "minimum_functionality, invariance or direction", kinds)
    return tuple(each.line for each in placed if isinstance(each.line, kinds))


def _read(path: Path, wanted: str, kinds: tuple[type, ...]) -> list[_Placed]:
    """All lines of a file, which has some of the kinds `wanted`."""
    try:
        table = open_table(path)
    except TableError as error:
        raise InputError(str(error)) from None
    if table.format is not TableFormat.JSON_LINES:
        raise InputError(f"{path}: is {table.format}, expected JSON Lines: end its name in .jsonl")
    portion = read_part(table, _line)
    raise_faults(portion.faults)
    placed = [
        _Placed(number, line) for number, line in zip(portion.lines, portion.examples, strict=True)
    ]
    if not any(isinstance(each.line, kinds) for each in placed):
        raise InputError(f"{path}: has no line of the kind wanted here: add {wanted}")
    return placed


def _line(values: Mapping[str, object]) -> Sequence[AnyLine]:
    try:
        return (_LINE.validate_python(values),)
    except ValidationError as error:
        raise RowError(joined(faults_of(error, values))) from None


def _of(placed: Sequence[_Placed], kind: type[_LineT]) -> list[_LineT]:
    return [each.line for each in placed if isinstance(each.line, kind)]


def _fault_lines(path: Path, placed: Sequence[_Placed]) -> Iterator[RowFault]:
    """What is wrong between the lines of names, templates and sentences."""
    names = [(each.number, each.line) for each in placed if isinstance(each.line, Names)]
    templates = [(each.number, each.line) for each in placed if isinstance(each.line, Template)]
    if bool(names) is not bool(templates):
        missing = "templates to put them into" if names else "names to put into its templates"
        yield RowFault(path, 0, f"has no {missing}: add some, or leave the others out")
    with_pronouns = next((line.template for _, line in templates if line.has_pronouns), None)
    lists: dict[tuple[tuple[str, str], ...], int] = {}
    for number, each in names:
        attributes = sorted(each.groups)
        if attributes != sorted(names[0][1].groups):
            reason = f"groups: {attributes}, but in line {names[0][0]} {sorted(names[0][1].groups)}"
            yield RowFault(path, number, f"{reason}: name the same attributes in each")
        if each.pronouns is None and with_pronouns is not None:
            reason = f"pronouns: missing, but the template {with_pronouns!r} has slots for them"
            yield RowFault(path, number, f"{reason}: write he or she")
        earlier = lists.setdefault(tuple(sorted(each.groups.items())), number)
        if earlier != number:
            reason = f"groups: {each.groups} stands in line {earlier} too"
            yield RowFault(path, number, f"{reason}: join the names")
    yield from _repeated_names(path, names)
    yield from _unlike_templates(path, placed)


def _repeated_names(path: Path, names: Sequence[tuple[int, Names]]) -> Iterator[RowFault]:
    first: dict[str, int] = {}
    for number, line in names:
        for name in line.names:
            earlier = first.setdefault(name, number)
            if earlier != number:
                reason = f"names: {name!r} stands in line {earlier} too"
                yield RowFault(path, number, f"{reason}: a name of two groups tells none apart")


def _unlike_templates(path: Path, placed: Sequence[_Placed]) -> Iterator[RowFault]:
    """Templates whose id is used twice, and sentences of one template with several labels."""
    first: dict[str, tuple[int, Template | Sentence]] = {}
    for each in placed:
        if not isinstance(each.line, Template | Sentence):
            continue
        number, earlier = first.setdefault(each.line.template, (each.number, each.line))
        if number == each.number:
            continue
        if isinstance(each.line, Template) or isinstance(earlier, Template):
            reason = f"template: {each.line.template!r} stands in line {number} too"
            yield RowFault(path, each.number, f"{reason}: give each its own id")
        elif each.line.label != earlier.label:
            reason = f"label: {each.line.label!r}, but {earlier.label!r} in line {number}"
            yield RowFault(path, each.number, f"{reason}: a template has one label")


def _repeated_exchanges(path: Path, placed: Sequence[_Placed]) -> Iterator[RowFault]:
    pairs = [(each.number, each.line) for each in placed if isinstance(each.line, Exchange)]
    counts = Counter(frozenset(line.terms) for _, line in pairs)
    for number, line in pairs:
        if counts[frozenset(line.terms)] > 1:
            yield RowFault(path, number, f"terms: {list(line.terms)} stand twice: keep one")
