"""From the settings of `pipelines.rebase` to a candidate of each task for the new backbone."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from pipelines.finetune import finetune
from pipelines.rebasing.comparing import compare
from pipelines.rebasing.outcome import (
    REPORT_FILE,
    RebasedTask,
    outcomes_table,
    read_outcome,
    rebase_folder,
    write_outcome,
    write_report,
)
from pipelines.rebasing.recipe import recipe_of
from pipelines.rebasing.settings import RebaseSettings
from shared.artifacts.aliases import CHAMPION
from shared.errors import ConfigError, PlatformError
from shared.models.bundle import Bundle, Method
from shared.models.registry import Registry, open_registry
from shared.models.source import BackboneFiles, locate
from shared.training.tasks.kinds import kind_of


def rebase(settings: RebaseSettings, *, console: Console) -> list[RebasedTask]:
    """Makes what is left to make, task by task; one that fails does not keep the others.

    No alias of a champion changes. After an interruption the same command continues.

    Raises:
        PlatformError: the backbone or the registry cannot be used, or a task is not there.
        KeyboardInterrupt: it was interrupted; what is done is kept.
    """
    registry = open_registry(settings.registry_root)
    backbone = locate(settings.backbone)
    folder = rebase_folder(settings.state_dir, backbone.sha256)
    champions = list(dependents(registry, backbone, settings, console))
    outcomes = []
    for number, champion in enumerate(champions, start=1):
        task = champion.manifest.task
        outcome = read_outcome(folder, task, champion.id)
        if outcome is None or not _is_there(registry, outcome):
            console.print(f"{number} of {len(champions)}: {task}, now {champion.id}", style="bold")
            outcome = _rebase_one(champion, settings, console)
            write_outcome(folder, outcome)
        else:
            console.print(f"{number} of {len(champions)}: {outcome.after} was made before")
        outcomes.append(outcome)
    write_report(folder, outcomes)
    _say(outcomes, champions, backbone, folder, console)
    return outcomes


def dependents(
    registry: Registry, backbone: BackboneFiles, settings: RebaseSettings, console: Console
) -> Iterator[Bundle]:
    """The champions that were made for another backbone; says which need nothing.

    Raises:
        ConfigError: a task of `only` has no champion.
    """
    table = registry.aliases()
    tasks = sorted(task for task, named in table.items() if CHAMPION in named)
    missing = sorted(set(settings.only).difference(tasks))
    if missing:
        raise ConfigError(f"only: {', '.join(missing)} has no champion: `banyan models` lists them")
    serving = locate(settings.before).sha256
    for task in tasks:
        if settings.only and task not in settings.only:
            continue
        champion = registry.bundle(registry.resolve(task))
        if champion.manifest.method is Method.NONE:
            console.print(f"{task}: the platform writes it for each backbone when it starts")
        elif champion.manifest.backbone.sha256 == backbone.sha256:
            console.print(f"{task}: {champion.id} is made for {backbone.name} already")
        elif (
            task not in settings.only
            and registry.ships(champion)
            and champion.manifest.backbone.sha256 != serving
        ):
            made_for = champion.manifest.backbone.name
            console.print(f"{task}: it belongs to the further backbone {made_for}: --only makes it")
        else:
            yield champion


def _rebase_one(champion: Bundle, settings: RebaseSettings, console: Console) -> RebasedTask:
    manifest = champion.manifest
    try:
        recipe = recipe_of(manifest, settings)
        made = finetune(recipe.settings, command=recipe.command, console=console)
    except PlatformError as error:
        console.print(f"{manifest.task} is not made: {error}", markup=False, style="red")
        return RebasedTask(task=manifest.task, before=champion.id, fault=str(error))
    compared = compare(champion, made, settings)
    same_data = made.manifest.data_fingerprint == manifest.data_fingerprint
    notes = [] if same_data else ["its data has changed since: dev figures tell of both changes"]
    notes += [compared] if isinstance(compared, str) else []
    return RebasedTask(
        task=manifest.task,
        before=champion.id,
        after=made.id,
        note="; ".join(notes) or None,
        metrics_before=manifest.metrics,
        metrics_after=made.manifest.metrics,
        paired=None if isinstance(compared, str) else compared,
    )


def _is_there(registry: Registry, outcome: RebasedTask) -> bool:
    """Whether what was made before is still in the registry, whole."""
    try:
        registry.bundle(outcome.after or "")
    except PlatformError:
        return False
    return True


def _say(
    outcomes: list[RebasedTask],
    champions: list[Bundle],
    backbone: BackboneFiles,
    folder: Path,
    console: Console,
) -> None:
    if not outcomes:
        console.print(f"nothing was made for another backbone than {backbone.name}")
        return
    console.print(outcomes_table(outcomes))
    for outcome in outcomes:
        for said in (outcome.fault and f"not made: {outcome.fault}", outcome.note):
            if said:
                console.print(f"{outcome.task}: {said}", markup=False)
    made = [outcome for outcome in outcomes if outcome.after is not None]
    console.print(f"the report: {folder / REPORT_FILE}", markup=False)
    if made:
        console.print(
            "The champions serve on. To change over, name the new backbone in the deployment's "
            "file, then:"
        )
        for outcome in made:
            console.print(f"  banyan promote {outcome.after}", style="bold")
        console.print("and restart the platform: `banyan down`, `banyan up`.")
    if any(kind_of(c.manifest.kind, c.manifest.multi_label).stored for c in champions):
        console.print(
            "Knowledge bases and items are then embedded again by themselves; until that is done, "
            "those of a bundle for the old backbone cannot be asked (`banyan kb list`)."
        )
