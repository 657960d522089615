"""Rows of texts with entities: tokens with BIO tags, or a text and where its entities stand.

{"tokens": ["Ada", "Lovelace", "writes"], "tags": ["B-PER", "I-PER", "O"]}
{"text": "Ada Lovelace writes", "entities": [{"start": 0, "end": 12, "label": "PER"}]}
"""

from collections.abc import Mapping
from itertools import pairwise

from shared.models.tag import OUTSIDE
from shared.training.data.formats import PLAIN, Columns, Format
from shared.training.data.reading import Row, RowError, label_cell, text_cell
from shared.training.tasks.tag import finer, sentfin
from shared.training.tasks.tag.examples import Entity, TaggedExample
from shared.training.tasks.tag.tokens import from_tokens, read_tokens


def tagged_formats(columns: Columns) -> Mapping[str, Format[TaggedExample]]:
    """What gives texts with entities; their columns have fixed names."""
    return {
        PLAIN: Format("texts, and the entities in them", plain),
        "sentfin-names": Format("headlines, and where they name their entities", sentfin.names),
        "finer-ord": Format("sentences of news, and the persons, places and firms", finer.sentence),
    }


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


def _entities(row: Row) -> tuple[Entity, ...]:
    values, length = row.get("entities"), len(text_cell(row, "text"))
    if not isinstance(values, list):
        raise RowError("'entities' is not a list: expected objects with start, end and label")
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
