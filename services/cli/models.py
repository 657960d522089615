"""`banyan models`: the tasks of the registry and the bundles behind them."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from shared.models.registry import Registry


def show_models(root: Path) -> None:
    """Prints every alias of every task, with its bundle's kind, method and metrics.

    Raises:
        ArtifactError: a bundle or the table of aliases is corrupt.
    """
    registry = Registry(root)
    columns = ("task", "alias", "bundle", "kind", "method", "metrics")
    table = Table(*columns, box=None, pad_edge=False)
    for task, named in sorted(registry.aliases().items()):
        for alias, target in sorted(named.items()):
            manifest = registry.bundle(target.bundle).manifest
            metrics = ", ".join(f"{k} {m.value:.3f}" for k, m in manifest.metrics.items())
            table.add_row(task, alias, target.bundle, manifest.kind, manifest.method, metrics)
    console = Console(highlight=False)
    if table.row_count:
        console.print(table)
    else:
        console.print(f"no task is registered below {root}: `banyan train` makes one")
