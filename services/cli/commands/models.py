"""The life of a task's models: trained, evaluated, promoted, rolled back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.commands.options import Assignments, DeploymentFile, StateDir, resolved

if TYPE_CHECKING:
    from shared.config import Values

app = typer.Typer()

_CONFIG_SUFFIXES = (".yaml", ".yml", ".json")

Name = Annotated[str, typer.Argument(help="A task, or a bundle as `banyan models` lists it.")]
Config = Annotated[Path | None, typer.Option("--config", help="A YAML file of this run.")]
Format = Annotated[str | None, typer.Option(help="How rows are read; by default, plainly.")]
Text = Annotated[str | None, typer.Option(help="The column of the texts.")]
Second = Annotated[str | None, typer.Option(help="The column of a pair's second text.")]
Label = Annotated[str | None, typer.Option(help="The column of the labels.")]
Output = Annotated[Path | None, typer.Option("--out", help="The folder for the report.")]


@app.command()
def models(state_dir: StateDir = None) -> None:
    """List the tasks, their aliases and the bundles that these name."""
    from services.cli.models import show_models

    show_models(resolved(None, {"state_dir": state_dir})[1].state_dir / "models")


@app.command()
def train(
    source: Annotated[
        Path | None,
        typer.Argument(help="A CSV file with texts and labels, or a YAML of pipelines/configs."),
    ] = None,
    config: Config = None,
    task: Annotated[str | None, typer.Option(help="For a CSV: the name of the task.")] = None,
    text: Text = None,
    label: Label = None,
    settings: Assignments = None,
    state_dir: StateDir = None,
) -> None:
    """Train a model and register it as a bundle; of a CSV, a part is kept to judge it by.

    A CSV of two columns is all that is needed. The configuration that is used is written beside
    the held-out rows, so that the same bundle can be made again, or better.
    """
    from services.cli.train import train_configured, train_table

    given = config or source
    if given is None:
        raise typer.BadParameter("give a CSV file and --task NAME, or a YAML file")
    if given.suffix in _CONFIG_SUFFIXES:
        raise typer.Exit(train_configured(given, settings or []))
    if task is None:
        raise typer.BadParameter(f"--task NAME says what {given.name} shall teach")
    folder = resolved(None, {"state_dir": state_dir})[1].state_dir
    raise typer.Exit(train_table(given, task, text, label, settings or [], folder))


@app.command()
def evaluate(
    bundle: Name,
    data: Annotated[
        list[str] | None,
        typer.Argument(help="Files to evaluate on; by default, the task's frozen evaluation set."),
    ] = None,
    format: Format = None,
    text: Text = None,
    second: Second = None,
    label: Label = None,
    out: Output = None,
    config: Config = None,
    settings: Assignments = None,
    file: DeploymentFile = None,
    state_dir: StateDir = None,
) -> None:
    """Measure a bundle: quality with intervals, calibration, speed; writes a page with plots."""
    from pipelines.evaluate import main

    chosen = {"bundle": bundle, "data": data, "format": format, "text": text, "second": second,
              "label": label, "output": out}  # fmt: skip
    overrides = {**_platform(file, state_dir), **_given(chosen)}
    raise typer.Exit(main.start(config, settings or (), overrides))


@app.command()
def promote(
    bundle: Name,
    replace_labels: Annotated[
        bool, typer.Option("--replace-labels", help="Its labels may differ from the champion's.")
    ] = False,
    freeze: Annotated[
        list[str] | None,
        typer.Option(help="Make this file the task's evaluation set first; may be repeated."),
    ] = None,
    format: Format = None,
    text: Text = None,
    second: Second = None,
    label: Label = None,
    out: Output = None,
    config: Config = None,
    settings: Assignments = None,
    file: DeploymentFile = None,
    state_dir: StateDir = None,
) -> None:
    """Let a candidate serve if its gates hold on the task's frozen evaluation set.

    Ends with code 1 where one does not, and changes nothing then. Serving follows within 2 s.
    """
    from pipelines.promote import main

    chosen = {"bundle": bundle, "freeze": freeze, "format": format, "text": text, "second": second,
              "label": label, "output": out}  # fmt: skip
    overrides = {
        **_platform(file, state_dir),
        **_given(chosen),
        "replace_labels": replace_labels,
    }
    raise typer.Exit(main.start(config, settings or (), overrides))


@app.command()
def rollback(
    task: Annotated[str, typer.Argument(help="The task whose champion goes.")],
    state_dir: StateDir = None,
) -> None:
    """Let the champion before the present one serve again; done twice, it is as it was."""
    from pipelines.rollback import main

    folder = resolved(None, {"state_dir": state_dir})[1].state_dir
    raise typer.Exit(main.start(overrides={"task": task, "state_dir": folder}))


def _given(options: dict[str, Any]) -> "Values":
    return {name: value for name, value in options.items() if value is not None}


def _platform(file: Path | None, state_dir: Path | None) -> "Values":
    """The state folder, and the deployment's backbone: bundles are judged as it serves them."""
    from services.backbone.config import BackboneSettings
    from services.cli.settings_table import resolve_application

    deployment, platform = resolved(file, {"state_dir": state_dir})
    values: dict[str, Any] = {"state_dir": platform.state_dir}
    for entry in deployment.applications:
        settings = resolve_application(entry, platform).settings
        if isinstance(settings, BackboneSettings):
            values["backbone"] = settings.backbone.model_dump(mode="json")
    return values
