"""`banyan train`: by a configuration, or from a table of texts and labels."""

from pathlib import Path


def train_configured(config: Path, assignments: list[str]) -> int:
    """Runs `pipelines.finetune` on a configuration; returns its exit status."""
    from pipelines.finetune import main

    return main.start(config, assignments)


def train_table(
    table: Path,
    task: str,
    text: str | None,
    label: str | None,
    assignments: list[str],
    state_dir: Path,
) -> int:
    """Trains on a table, see `pipelines.table`; returns the exit status."""
    from pipelines.table import main

    given = {"table": table, "task": task, "text": text, "label": label, "state_dir": state_dir}
    overrides = {name: value for name, value in given.items() if value is not None}
    return main.start(None, [f"finetune.{each}" for each in assignments], overrides)
