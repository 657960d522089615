"""`banyan evaluate`, `promote` and `rollback`: bundles measured, judged, and let serve."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import (
    Assignments,
    Config,
    DeploymentFile,
    Label,
    StateDir,
    Text,
    application_settings,
    given,
    platform_settings,
)

if TYPE_CHECKING:
    from shared.config import Values

Name = Annotated[str, typer.Argument(help="A task, or a bundle as `banyan models` lists it.")]
Format = Annotated[str | None, typer.Option(help="How rows are read; by default, plainly.")]
Second = Annotated[str | None, typer.Option(help="The column of a pair's second text.")]
Output = Annotated[Path | None, typer.Option("--out", help="The folder for the report.")]


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

    columns = given(format=format, text=text, second=second, label=label)
    chosen = given(bundle=bundle, data=data, output=out, **columns)
    raise typer.Exit(main.start(config, settings or (), {**_served(file, state_dir), **chosen}))


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

    columns = given(format=format, text=text, second=second, label=label)
    chosen = given(
        bundle=bundle, freeze=freeze, output=out, replace_labels=replace_labels, **columns
    )
    raise typer.Exit(main.start(config, settings or (), {**_served(file, state_dir), **chosen}))


def rollback(
    task: Annotated[str, typer.Argument(help="The task whose champion goes.")],
    state_dir: StateDir = None,
) -> None:
    """Let the champion before the present one serve again; done twice, it is as it was."""
    from pipelines.rollback import main

    folder = platform_settings(state_dir).state_dir
    raise typer.Exit(main.start(overrides={"task": task, "state_dir": folder}))


def _served(file: Path | None, state_dir: Path | None) -> "Values":
    """The state folder, and the deployment's backbones: bundles are judged as it serves them."""
    from services.backbone.config import BackboneSettings

    values: dict[str, Any] = {"state_dir": platform_settings(state_dir, file).state_dir}
    served = application_settings(BackboneSettings, file, state_dir)
    if served is not None:
        values["backbone"] = served.backbone.model_dump(mode="json")
        values["backbones"] = {
            key: each.model_dump(mode="json") for key, each in served.backbones.items()
        }
    return values
