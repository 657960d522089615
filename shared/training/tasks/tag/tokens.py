"""Rows of tokens with BIO tags as texts with entities."""

from collections.abc import Sequence
from itertools import accumulate

from shared.models.tag import entity_stretches
from shared.training.data.reading import Row, RowError, text_cell
from shared.training.tasks.tag.examples import Entity, TaggedExample


def read_tokens(row: Row) -> tuple[list[str], list[str]]:
    """The tokens of a row and their tags, as many.

    Raises:
        RowError: they are not lists of texts, or of two lengths.
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


def _texts(row: Row, column: str) -> list[str]:
    values = row.get(column)
    if not isinstance(values, list) or not values:
        raise RowError(f"{column!r} is not a list of texts")
    return [text_cell({column: value}, column) for value in values]
