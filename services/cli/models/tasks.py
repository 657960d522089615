"""`banyan models`: the tasks of the registry, the bundles behind them, and what judges these."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from services.cli.options import StateDir, platform_settings

if TYPE_CHECKING:
    from shared.models.bundle import Manifest

_WIDTH = 240


def models(state_dir: StateDir = None) -> None:
    """List the tasks, their aliases and the bundles that these name."""
    from shared.models.registry import open_registry
    from shared.training.publish.frozen import find_frozen

    root = platform_settings(state_dir).state_dir / "models"
    registry = open_registry(root)
    bundles = Table("task", "alias", "bundle", "kind", "method", "figure", box=None, pad_edge=False)
    judges = Table("task", "frozen evaluation set", "rows", "sha256", box=None, pad_edge=False)
    for task, named in sorted(registry.aliases().items()):
        for alias, target in sorted(named.items()):
            manifest = registry.bundle(target.bundle).manifest
            figure = _main_figure(manifest)
            bundles.add_row(task, alias, target.bundle, manifest.kind, manifest.method, figure)
        entry = find_frozen(root, task)
        if entry is None:
            judges.add_row(task, "none", "", "")
        else:
            judges.add_row(task, entry.name, f"{entry.examples:,}", entry.sha256[:12])
    # A bundle's id is an argument of other commands: in a narrow window or a pipe it stays whole.
    console = Console(highlight=False, width=_WIDTH)
    if bundles.row_count:
        console.print(bundles, "", judges, sep="\n")
    else:
        console.print(f"no task is registered below {root}: `banyan train` makes one")


def _main_figure(manifest: "Manifest") -> str:
    """The figure that a task's kind is judged by first, of the gate where the bundle has one."""
    from shared.training.data.settings import SetPart
    from shared.training.tasks.kinds import kind_of

    name = kind_of(manifest.kind, manifest.multi_label).metrics[0]
    for part, key in ((SetPart.GATE, f"{SetPart.GATE}.{name}"), (SetPart.DEV, name)):
        if metric := manifest.metrics.get(key):
            interval = f"{metric.low:.3f} to {metric.high:.3f}"
            return f"{name} {metric.value:.3f} ({interval}) on {part}"
    return "not measured"
