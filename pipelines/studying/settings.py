"""What a study can be told; the defaults live here alone."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from shared.config import Settings
from shared.training.data.settings import SetName
from shared.training.settings import Names, Seeds


class StudySettings(Settings):
    """One study of a configuration of `pipelines.finetune` that names remedies.

    `base` is that configuration's file, over which `finetune` is set. It is trained without its
    remedies, with each of them alone, and with all of them; `variants` are further ones by name, as
    dotted keys that are set over the base. Every one is trained with each of the `seeds`.
    `metrics` names the figures that are compared (none: the one that decides, and the calibration
    error).
    """

    base: Path
    finetune: dict[str, Any] = Field(default_factory=dict)
    variants: dict[SetName, dict[str, Any]] = Field(default_factory=dict)
    seeds: Seeds = (0, 1, 2)
    metrics: Names | None = None
    resamples: Annotated[PositiveInt, Field(ge=100, le=100_000)] = 1000
    state_dir: Path = Path("var")
