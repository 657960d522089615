"""Texts with entities, as they are learned from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.models.tasks import Input
from shared.training.data.examples import text_fields


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """The characters `[start, end)` of a text that name something, and the type of what."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class TaggedExample:
    """A text and the entities in it, in order of their start, not overlapping: an `AnyExample`."""

    text: str
    entities: tuple[Entity, ...]

    def fields(self) -> dict[str, tuple[str, ...]]:
        """The text."""
        return text_fields(self.text)

    def inputs(self) -> tuple[Input, ...]:
        """The text."""
        return (self.text,)

    def targets(self) -> tuple[str, ...]:
        """The type of each entity."""
        return tuple(entity.type for entity in self.entities)

    def shared_texts(self) -> tuple[str, ...]:
        """The text."""
        return (self.text,)

    def retyped(self, types: Mapping[str, str]) -> "TaggedExample":
        """The same where each type means another one; what `types` lacks is not an entity."""
        kept = (replace(e, type=types[e.type]) for e in self.entities if e.type in types)
        return replace(self, entities=tuple(kept))
