"""Rows of texts with entities: tokens with BIO tags, or a text and where its entities stand.

{"tokens": ["Ada", "Lovelace", "writes"], "tags": ["B-PER", "I-PER", "O"]}
{"text": "Ada Lovelace writes", "entities": [{"start": 0, "end": 12, "label": "PER"}]}
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from shared.models.tag import OUTSIDE, entity_stretches
from shared.training.data.examples import Entity, TaggedExample
from shared.training.data.reading import ExampleT, Row, RowError, RowReader, label_cell, text_cell


def plain(row: Row) -> list[TaggedExample]:
    """The text of a row and its entities; of tokens it is them with a space between."""
    if "tokens" not in row:
        return [TaggedExample(text_cell(row, "text"), _entities(row))]
    tokens, tags = read_tokens(row)
    for before, tag in pairwise([OUTSIDE, *tags]):
        edge, _, entity = tag.partition("-")
        if tag != OUTSIDE and (edge not in ("B", "I") or not entity):
            raise RowError(f"'tags' has {tag[:40]!r}: expected O, B-TYPE or I-TYPE")
        if edge == "I" and before not in (f"B-{entity}", tag):
            raise RowError(
                f"'tags' has {tag[:40]!r} after {before[:40]!r}: an entity begins with B-{entity}"
            )
    return [from_tokens(tokens, tags)]


def read_tokens(row: Row) -> tuple[list[str], list[str]]:
    """The tokens of a row and their tags, as many.

    Raises:
        RowError: they are no lists of texts, or of two lengths.
    """
    tokens, tags = (_texts(row, column) for column in ("tokens", "tags"))
    if len(tokens) != len(tags):
        raise RowError(f"has {len(tokens)} tokens and {len(tags)} tags: give each token its tag")
    return tokens, tags


def from_tokens(tokens: Sequence[str], tags: Sequence[str]) -> TaggedExample:
    """The text of tokens, and the entities of their BIO tags as its characters."""
    starts = list(accumulate((len(token) + 1 for token in tokens), initial=0))
    entities = (
        Entity(starts[first], starts[stop] - 1, entity)
        for first, stop, entity in entity_stretches(tags)
    )
    return TaggedExample(" ".join(tokens), tuple(entities))


def retyped(read_row: RowReader[ExampleT], types: Mapping[str, str]) -> RowReader[ExampleT]:
    """The reader for files whose types of entities mean others; what `types` lacks is no entity."""
    if not types:
        return read_row

    def read(row: Row) -> list[ExampleT]:
        return [_retyped(example, types) for example in read_row(row)]

    return read


def _retyped(example: ExampleT, types: Mapping[str, str]) -> ExampleT:
    if not isinstance(example, TaggedExample):
        raise TypeError(f"{type(example).__name__} has no types of entities")
    kept = (replace(e, type=types[e.type]) for e in example.entities if e.type in types)
    return replace(example, entities=tuple(kept))


def _texts(row: Row, column: str) -> list[str]:
    values = row.get(column)
    if not isinstance(values, list) or not values:
        raise RowError(f"{column!r} is no list of texts")
    return [text_cell({column: value}, column) for value in values]


def _entities(row: Row) -> tuple[Entity, ...]:
    values, length = row.get("entities"), len(text_cell(row, "text"))
    if not isinstance(values, list):
        raise RowError("'entities' is no list: expected objects with start, end and label")
    entities = sorted(_entity(value, length) for value in values)
    for one, other in pairwise(entities):
        if other.start < one.end:
            raise RowError(
                f"'entities' overlap at character {other.start}: keep one of {one.type!r} and "
                f"{other.type!r}"
            )
    return tuple(entities)


def _entity(value: object, length: int) -> Entity:
    if not isinstance(value, dict):
        raise RowError("'entities' holds no object with start, end and label")
    start, end = value.get("start"), value.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        raise RowError(
            f"'entities' has one from {start!r} to {end!r}: expected characters of a text of "
            f"{length}"
        )
    return Entity(start, end, label_cell(value, "label"))
