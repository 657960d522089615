"""What a rebase can be told; the defaults live here alone."""

from pathlib import Path
from typing import Any

from pydantic import Field

from shared.config import Settings
from shared.models.bundle import TaskName
from shared.models.source import BackboneConfig


class RebaseSettings(Settings):
    """One run of `pipelines.rebase`: every champion that was made for another backbone.

    `backbone` is the new one, `before` the one that serves now: on it the present champions are
    compared with their successors. `only` these tasks, where it is given. `finetune` is set over
    every task's own configuration, such as `finetune.lora.target_modules=all-linear` where the
    new backbone names its layers otherwise.
    """

    backbone: BackboneConfig
    before: BackboneConfig = BackboneConfig()
    only: tuple[TaskName, ...] = ()
    finetune: dict[str, Any] = Field(default_factory=dict)
    resamples: int = Field(default=1000, ge=100, le=100_000)
    registry: Path | None = None
    state_dir: Path = Path("var")

    @property
    def registry_root(self) -> Path:
        """The folder of the registry."""
        return self.registry or self.state_dir / "models"
