"""Backbones, searches and studies: pretraining, settings, remedies, another backbone."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import Assignments, StateDir, given, platform_settings


def tune(
    config: Annotated[
        Path | None, typer.Argument(help="A YAML file of this search: its base and its space.")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="The configuration to vary, as `banyan train` takes it.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="How many trials there are in all.")] = None,
    settings: Assignments = None,
    state_dir: StateDir = None,
) -> None:
    """Search for the best settings of a training, on Ray Tune with ASHA.

    Without a file, the space is given by --set, such as space.lora.rank.choice=[4,8,16]. After an
    interruption the same command continues.
    """
    from pipelines.tune import main

    folder = platform_settings(state_dir).state_dir
    chosen = given(base=base, trials=trials, state_dir=folder)
    raise typer.Exit(main.start(config, settings or (), chosen))


def study(
    config: Annotated[
        Path | None, typer.Option(help="A YAML file of this study: its base, seeds, variants.")
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(help="The configuration with `remedies`, as `banyan train` takes it."),
    ] = None,
    settings: Assignments = None,
    state_dir: StateDir = None,
) -> None:
    """Measure what remedies buy and cost: trained with and without them, over seeds.

    After an interruption the same command continues.
    """
    from pipelines.study import main

    folder = platform_settings(state_dir).state_dir
    chosen = given(base=base, state_dir=folder)
    raise typer.Exit(main.start(config, settings or (), chosen))


def pretrain(
    config: Annotated[Path, typer.Argument(help="A YAML file: its texts and its objective.")],
    settings: Assignments = None,
    state_dir: StateDir = None,
) -> None:
    """Adapt a backbone to unlabelled text, or make one from scratch.

    After an interruption the same command continues.
    """
    from pipelines.pretrain import main

    overrides = {"state_dir": platform_settings(state_dir).state_dir}
    raise typer.Exit(main.start(config, settings or (), overrides))


def rebase(
    backbone: Annotated[
        str, typer.Option(help="The new backbone: a folder, or owner/model with --revision.")
    ],
    revision: Annotated[
        str | None, typer.Option(help="The commit of owner/model, 40 hexadecimal digits.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this task; may be repeated.")] = None,
    settings: Assignments = None,
    state_dir: StateDir = None,
) -> None:
    """Train everything that was made for another backbone again for this one, as candidates.

    Says what each task gained and lost; promotes nothing. Ends with code 1 where a task could not
    be made. After an interruption the same command continues.
    """
    from pipelines.rebase import main

    folder = Path(backbone).expanduser()
    source = str(folder.resolve()) if folder.is_dir() else backbone
    named = [
        f"backbone.{key}={value}" for key, value in given(source=source, revision=revision).items()
    ]
    overrides = given(state_dir=platform_settings(state_dir).state_dir, only=only or None)
    raise typer.Exit(main.start(None, [*named, *(settings or ())], overrides))
