"""How a bundle was made: its manifest's command, turned into settings for another backbone."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from pipelines.rebasing.settings import RebaseSettings
from shared.config import Layer, from_environment, leaves, parse_assignments, read_yaml, resolve
from shared.errors import ConfigError
from shared.models.bundle import Manifest
from shared.training.settings import FinetuneSettings, OutputSettings

_MAKER = ["-m", "pipelines.finetune"]


@dataclass(frozen=True)
class Recipe:
    """What makes the bundle for the new backbone, and the command that does so by itself."""

    settings: FinetuneSettings
    command: str


def recipe_of(manifest: Manifest, rebase: RebaseSettings) -> Recipe:
    """The recipe of a bundle, on the new backbone and into the registry that is rebased.

    Raises:
        ConfigError: the manifest has no command of `pipelines.finetune`, or its configuration is
            gone or does not make this task.
    """
    words = shlex.split(manifest.command or "")
    if words[1:3] != _MAKER:
        made = f"was made by {manifest.command!r}" if manifest.command else "names no command"
        raise ConfigError(f"its manifest {made}, not by pipelines.finetune: make it by hand")
    config, assignments = _arguments(words[3:])
    backbone = rebase.backbone.model_dump(mode="json", exclude_unset=True)
    settings = resolve(
        FinetuneSettings,
        Layer(str(config), read_yaml(config)),
        from_environment(FinetuneSettings, os.environ, prefix="BANYAN_", section="finetune"),
        Layer("the manifest's command", parse_assignments(assignments)),
        Layer("finetune", rebase.finetune),
    ).settings.model_copy(
        update={
            "backbone": rebase.backbone,
            "state_dir": rebase.state_dir,
            "output": OutputSettings(registry=rebase.registry_root),
        }
    )
    if settings.task != manifest.task:
        raise ConfigError(f"{config} makes {settings.task} now: write its own configuration")
    kept = [each for each in assignments if not each.startswith(("backbone.", "output.registry="))]
    kept += [f"{path}={_as_text(value)}" for path, value in leaves(rebase.finetune)]
    over = [*kept, *(f"backbone.{k}={v}" for k, v in backbone.items())]
    return Recipe(settings, shlex.join([*words[:3], "--config", str(config), "--set", *over]))


def _arguments(words: list[str]) -> tuple[Path, list[str]]:
    """The configuration's file and the assignments of a command's arguments."""
    config: Path | None = None
    assignments: list[str] = []
    option = ""
    for word in words:
        if word.startswith("--"):
            option = word
        elif option == "--config":
            config = Path(word)
        elif option == "--set":
            assignments.append(word)
    if config is None:
        raise ConfigError("its manifest's command names no --config: make it by hand")
    return config, assignments


def _as_text(value: object) -> str:
    """A value as `--set` takes it."""
    if value is None:
        return "null"
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)
