"""Trains what is left of a study; a bundle that is there already is not trained again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pipelines.finetune import finetune
from pipelines.studying.variants import Variant
from shared.artifacts.aliases import CANDIDATE
from shared.models.bundle import Bundle
from shared.models.registry import open_registry
from shared.training.settings import FinetuneSettings


@dataclass(frozen=True, slots=True)
class Trained:
    """A variant and its bundle of each seed, in the order of the seeds."""

    variant: Variant
    bundles: tuple[Bundle, ...]


def train_all(
    planned: Sequence[Variant],
    seeds: Sequence[int],
    folder: Path,
    command: str,
    console: Console,
) -> list[Trained]:
    """Trains every variant with every seed, seed by seed, so that an early look is a fair one.

    Raises:
        PlatformError: a run failed; what is trained stays, and the same command goes on.
        KeyboardInterrupt: likewise.
    """
    runs = [
        (variant, seed, folder / "models" / f"{variant.name.replace(' ', '-')}-{seed}")
        for seed in seeds
        for variant in planned
    ]
    made: dict[tuple[str, int], Bundle] = {}
    for number, (variant, seed, registry) in enumerate(runs, start=1):
        found = _made_before(variant.settings.task, registry)
        if found is None:
            console.print(f"study: {variant.name}, seed {seed} ({number} of {len(runs)})")
            settings = _of_seed(variant.settings, seed, registry)
            found = finetune(settings, command=command, console=console)
        made[variant.name, seed] = found
    return [Trained(each, tuple(made[each.name, seed] for seed in seeds)) for each in planned]


def _made_before(task: str, root: Path) -> Bundle | None:
    """The candidate of an earlier start of the study, verified; None: there is none."""
    registry = open_registry(root, shipped=None)
    name = registry.named(task, CANDIDATE)
    return None if name is None else registry.bundle(name)


def _of_seed(settings: FinetuneSettings, seed: int, registry: Path) -> FinetuneSettings:
    return settings.model_copy(
        update={
            "optimisation": settings.optimisation.model_copy(update={"seeds": (seed,)}),
            "output": settings.output.model_copy(update={"registry": registry}),
        }
    )
