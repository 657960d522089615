"""What is trained in a study: a configuration without its remedies, and what is set beside it."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.studying.settings import StudySettings
from shared.config import Layer, Values, from_environment, read_yaml, resolve, set_path
from shared.errors import ConfigError
from shared.training.settings import FinetuneSettings

WITHOUT, ALL = "without", "all together"


@dataclass(frozen=True, slots=True)
class Variant:
    """One configuration of a study; the first is the one that the others are compared with."""

    name: str
    settings: FinetuneSettings


def plan(study: StudySettings) -> list[Variant]:
    """Every variant of a study, the one without any remedy first.

    Raises:
        ConfigError: the base or a variant is faulty, or there is nothing to compare.
    """
    layers = (
        Layer(str(study.base), read_yaml(study.base)),
        from_environment(FinetuneSettings, os.environ, prefix="BANYAN_", section="finetune"),
        Layer("finetune", {"state_dir": str(study.state_dir)} | study.finetune),
    )
    base = resolve(FinetuneSettings, *layers).settings
    remedies = base.remedies
    named = {each.remedy: (each,) for each in remedies} if len(remedies) > 1 else {}
    together = {remedies[0].remedy if len(remedies) == 1 else ALL: remedies} if remedies else {}
    planned = [
        Variant(name, base.model_copy(update={"remedies": some}))
        for name, some in ({WITHOUT: ()} | named | together).items()
    ]
    for name, values in study.variants.items():
        if name in {each.name for each in planned}:
            raise ConfigError(f"variants.{name}: the name of another variant: choose another")
        planned.append(Variant(name, _varied(name, layers, values, base)))
    if len(planned) < 2:
        raise ConfigError(
            f"{study.base} names no remedies and the study no variants: there is nothing to "
            "compare: add `remedies` to the one or `variants` to the other"
        )
    return planned


def _varied(
    name: str, layers: tuple[Layer, ...], values: Mapping[str, Any], base: FinetuneSettings
) -> FinetuneSettings:
    nested: Values = {"remedies": []} if "remedies" not in values else {}
    for key, value in values.items():
        set_path(nested, key, value)
    try:
        settings = resolve(FinetuneSettings, *layers, Layer(f"variants.{name}", nested)).settings
    except ConfigError as error:
        raise ConfigError(f"variants.{name}: {error}") from None
    for key in ("task", "kind", "multi_label", "data"):
        if getattr(settings, key) != getattr(base, key):
            raise ConfigError(
                f"variants.{name}: another {key} cannot be compared: make it a study apart"
            )
    return settings


def study_folder(study: StudySettings, planned: list[Variant]) -> Path:
    """The folder of a study, absolute: named by all that decides what is trained."""
    decisive = [
        f"{each.name} {each.settings.model_dump_json(exclude={'workers', 'tracking', 'output'})}"
        for each in planned
    ]
    name = hashlib.sha256("\n".join(decisive).encode()).hexdigest()[:12]
    task = planned[0].settings.task
    return (study.state_dir / "studies" / f"{task}-{name}").resolve()
