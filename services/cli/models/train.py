"""`banyan train`: by a configuration, or from a table of texts and labels."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import (
    Assignments,
    Config,
    DeploymentFile,
    Label,
    StateDir,
    Text,
    given,
    platform_settings,
    served_backbone,
)

_CONFIG_SUFFIXES = (".yaml", ".yml", ".json")


def train(
    source: Annotated[
        Path | None,
        typer.Argument(help="A CSV file with texts and labels, or a YAML of pipelines/configs."),
    ] = None,
    config: Config = None,
    task: Annotated[str | None, typer.Option(help="For a CSV: the name of the task.")] = None,
    text: Text = None,
    label: Label = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="The further backbone of the deployment to train on, such as zh; by default, the "
            "first one."
        ),
    ] = None,
    settings: Assignments = None,
    deployment: DeploymentFile = None,
    state_dir: StateDir = None,
) -> None:
    """Train a model and register it as a bundle; of a CSV, a part is kept to judge it by.

    A CSV of two columns is all that is needed. The configuration that is used is written beside
    the held-out rows, so that the same bundle can be made again, or better.
    """
    file = config or source
    if file is None:
        raise typer.BadParameter("give a CSV file and --task NAME, or a YAML file")
    on = [] if backbone is None else served_backbone(backbone, deployment, state_dir)
    assignments = [*on, *(settings or ())]
    if file.suffix in _CONFIG_SUFFIXES:
        from pipelines.finetune import main as finetune

        raise typer.Exit(finetune.start(file, assignments))
    if task is None:
        raise typer.BadParameter(f"--task NAME says what {file.name} shall teach")
    folder = platform_settings(state_dir).state_dir
    from pipelines.table import main as table

    chosen = given(table=file, task=task, text=text, label=label, state_dir=folder)
    over = [f"finetune.{assignment}" for assignment in assignments]
    raise typer.Exit(table.start(None, over, chosen))
