"""Fields that many events tell of: each holds as the newest event that names it tells it.

An event that leaves a field out says nothing about it; one that says None removes it. So the order
in which events arrive does not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.ranking.events import FieldValue

Age = tuple[int, int]
"""An event's `timestamp_ms` and its `tie_breaker`: the greater one is the newer."""

_KEPT = 256
"""Of more names than this the oldest are forgotten: an event has 64 at most."""


class Effect(StrEnum):
    """What an event did to fields: changed one, told nothing new, or was older than they are."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    OLDER = "older"


@dataclass(slots=True)
class MergedFields:
    """Values by name, and the age of each, also of those that were removed."""

    values: dict[str, FieldValue] = field(default_factory=dict)
    ages: dict[str, Age] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any], ages: Mapping[str, Sequence[int]]) -> "MergedFields":
        """The fields of their JSON, in which tuples are lists."""
        kept = {name: tuple(one) if isinstance(one, list) else one for name, one in values.items()}
        return cls(kept, {name: (age[0], age[1]) for name, age in ages.items()})

    def take(self, told: Mapping[str, FieldValue | None], age: Age) -> Effect:
        """Takes what an event tells."""
        effect = Effect.UNCHANGED
        for name, value in told.items():
            held_age = self.ages.get(name)
            if held_age is not None and age < held_age:
                if effect is Effect.UNCHANGED:
                    effect = Effect.OLDER
                continue
            if value != self.values.get(name):
                effect = Effect.CHANGED
            self.ages[name] = age
            if value is None:
                self.values.pop(name, None)
            else:
                self.values[name] = value
        if len(self.ages) > _KEPT:
            self._forget()
        return effect

    def _forget(self) -> None:
        kept = set(sorted(self.ages, key=lambda name: (self.ages[name], name))[-_KEPT:])
        self.ages = {name: age for name, age in self.ages.items() if name in kept}
        self.values = {name: value for name, value in self.values.items() if name in kept}
