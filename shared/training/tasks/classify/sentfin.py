"""Rows of SEntFiN as headlines with a class, see `tasks.tag.sentfin`."""

from shared.sentiment.targets import mark
from shared.training.data.reading import Row
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.tag.sentfin import cells, find_name


def single(row: Row) -> list[Example]:
    """The headline with the label of its entity, where it has exactly one."""
    text, entities = cells(row)
    labels = list(entities.values())
    return [Example(text, labels[0])] if len(labels) == 1 else []


def unanimous(row: Row) -> list[Example]:
    """The headline with the label of its entities, where they all have the same one."""
    text, entities = cells(row)
    labels = set(entities.values())
    return [Example(text, labels.pop())] if len(labels) == 1 else []


def targets(row: Row) -> list[Example]:
    """For each entity the headline in which it is marked, and the entity's label."""
    text, entities = cells(row)
    return [Example(mark(text, find_name(text, name)), label) for name, label in entities.items()]


def opposed_targets(row: Row) -> list[Example]:
    """As `targets`, of the headlines whose entities have different labels."""
    _, entities = cells(row)
    return targets(row) if len(set(entities.values())) > 1 else []
