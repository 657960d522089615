"""`banyan train`: by a configuration, or from a table of texts and labels."""

from pathlib import Path


def train_configured(config: Path, assignments: list[str]) -> int:
    """Runs `pipelines.finetune` on a configuration; returns its exit status."""
    from pipelines import finetune

    arguments = ["--set", *assignments] if assignments else []
    return finetune.main(["--config", str(config), *arguments])


def train_table(
    table: Path,
    task: str,
    text: str | None,
    label: str | None,
    assignments: list[str],
    state_dir: Path,
) -> int:
    """Trains on a table, see `pipelines.table`; returns the exit status."""
    from pipelines import table as pipeline

    given = {"table": table, "task": task, "text": text, "label": label, "state_dir": state_dir}
    overrides = {name: value for name, value in given.items() if value is not None}
    over = [f"finetune.{each}" for each in assignments]
    return pipeline.main(["--set", *over] if over else [], overrides)
