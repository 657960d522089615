"""What a search can be told; the defaults live here alone."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, JsonValue, PositiveInt, model_validator

from shared.config import Settings

_SHAPES = ("choice", "uniform", "loguniform", "randint")

Bounds = tuple[float, float]


class Distribution(Settings):
    """What a key's values are drawn from: exactly one of these.

    `choice` lists them; `uniform` and `loguniform` have a low and a high end; `randint` draws
    whole numbers with both ends among them.
    """

    choice: Annotated[tuple[JsonValue, ...], Field(min_length=1)] | None = None
    uniform: Bounds | None = None
    loguniform: Bounds | None = None
    randint: tuple[int, int] | None = None

    @model_validator(mode="after")
    def _one_and_in_order(self) -> "Distribution":
        given = {name: getattr(self, name) for name in _SHAPES}
        shapes = [name for name, value in given.items() if value is not None]
        if len(shapes) != 1:
            raise ValueError(f"found {shapes or 'nothing'}: expected one of {', '.join(_SHAPES)}")
        bounds = self.uniform or self.loguniform or self.randint
        if bounds is not None:
            low, high = bounds
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"the low end {low} must lie below the high end {high}")
            if self.loguniform is not None and low <= 0:
                raise ValueError(f"the low end {low} has no logarithm: it must be above 0")
        return self


def _by_dotted_key(value: object) -> object:
    """Accepts nested keys too, as `--set space.lora.rank.choice=[4,8]` writes them."""
    return dict(_flat(value, "")) if isinstance(value, Mapping) else value


def _flat(values: Mapping[str, Any], start: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value and not set(value) & set(_SHAPES):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield f"{start}{key}", value


Space = Annotated[dict[str, Distribution], BeforeValidator(_by_dotted_key), Field(min_length=1)]


class TuneSettings(Settings):
    """One search over a configuration of `pipelines.finetune`.

    `base` is that configuration's file, over which `finetune` is set; `space` has a distribution
    for each dotted key that is tried. Trial 0 is the configuration as it stands; the others are
    drawn by `seed`, so that more `trials` later extend the same search. Of the trials that reach
    `grace_epochs` (and that times a power of `reduction`), the best of `reduction` parts go on.
    """

    base: Path
    finetune: dict[str, Any] = Field(default_factory=dict)
    space: Space
    trials: Annotated[int, Field(ge=2, le=10_000)] = 16
    grace_epochs: PositiveInt = 1
    reduction: Annotated[float, Field(gt=1, le=16)] = 3.0
    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    state_dir: Path = Path("var")
