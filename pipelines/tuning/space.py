"""The trials of a search: settings drawn by a seed, the same ones at every start."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from pipelines.tuning.settings import Distribution, TuneSettings
from shared.config import Layer, Values, from_environment, read_yaml, resolve, set_path
from shared.errors import ConfigError
from shared.training.settings import FinetuneSettings

Drawn = dict[str, JsonValue]
"""A value for each dotted key of the space."""

_DRAWS_PER_TRIAL = 20


@dataclass(frozen=True)
class Planned:
    """A trial before it runs: its number, what it sets, and the whole configuration."""

    number: int
    drawn: Drawn
    settings: FinetuneSettings


def plan(search: TuneSettings) -> list[Planned]:
    """Every trial of a search, all different; fewer than asked for where the space has no more.

    Raises:
        ConfigError: the base is faulty, or the settings of some trials are: each is named.
    """
    layers = (
        Layer(str(search.base), read_yaml(search.base)),
        from_environment(FinetuneSettings, os.environ, prefix="BANYAN_", section="finetune"),
        Layer("finetune", {"state_dir": str(search.state_dir)} | search.finetune),
    )
    base = resolve(FinetuneSettings, *layers).settings
    standing = base.model_dump(mode="json")
    planned = [Planned(0, {key: _value_at(standing, key) for key in search.space}, base)]
    faults = []
    for drawn in _different(search, planned[0].drawn):
        number = len(planned)
        try:
            settings = resolve(FinetuneSettings, *layers, Layer("space", _nested(drawn))).settings
            _check_comparable(settings, base)
        except ConfigError as error:
            faults.append(f"trial {number} ({shown(drawn)}): {error}")
            settings = base
        planned.append(Planned(number, drawn, settings))
    if faults:
        raise ConfigError("\n".join(faults))
    return planned


def shown(drawn: Mapping[str, JsonValue]) -> str:
    """What a trial sets, as `--set` takes it."""
    return " ".join(f"{key}={'null' if value is None else value}" for key, value in drawn.items())


def _different(search: TuneSettings, first: Drawn) -> Iterator[Drawn]:
    """As many different draws as there are trials beside the first, or all that were found."""
    generator = np.random.default_rng(search.seed)
    seen = {repr(first)}
    for _ in range(_DRAWS_PER_TRIAL * search.trials):
        drawn = {key: _draw(each, generator) for key, each in search.space.items()}
        if len(seen) == search.trials:
            return
        if repr(drawn) not in seen:
            seen.add(repr(drawn))
            yield drawn


def _draw(distribution: Distribution, generator: np.random.Generator) -> JsonValue:
    if distribution.choice is not None:
        return distribution.choice[int(generator.integers(len(distribution.choice)))]
    if distribution.randint is not None:
        low, high = distribution.randint
        return int(generator.integers(low, high, endpoint=True))
    if distribution.uniform is not None:
        return _rounded(generator.uniform(*distribution.uniform))
    return _rounded(np.exp(generator.uniform(*np.log(np.array(distribution.loguniform)))))


def _rounded(value: float) -> float:
    """Four significant digits: what a person would write, and enough to tell trials apart."""
    return float(f"{value:.4g}")


def _check_comparable(settings: FinetuneSettings, base: FinetuneSettings) -> None:
    """Trials of one search teach one task, and one figure tells which is better.

    `lora.strength` is none of what that figure, of an epoch, can tell.
    """
    for key, ours, theirs in (
        ("task", settings.task, base.task),
        ("optimisation.metric", settings.metric, base.metric),
        ("lora.strength", settings.lora.strength, base.lora.strength),
    ):
        if ours != theirs:
            raise ConfigError(f"{key} {ours!r} cannot be compared with {theirs!r}: do not vary it")


def _nested(drawn: Drawn) -> Values:
    values: Values = {}
    for key, value in drawn.items():
        set_path(values, key, value)
    return values


def _value_at(values: Values, key: str) -> JsonValue:
    """The value at a dotted path; None where there is none: the trials' settings say so then."""
    found: JsonValue = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
