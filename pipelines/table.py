"""Trains a classifier on a table of texts and labels, and keeps a part of it to judge it by.

    python -m pipelines.table --set table=FILE.csv task=NAME [finetune.KEY=VALUE ...]

The rows are split by a hash of their text into four parts that share no text, exactly or nearly:
65 % train, 10 % choose the epoch (choice), 10 % calibrate the confidence (calibration), 15 % are
held out (gate): they become the task's frozen evaluation set, unless it has one. Of each label two
rows at least are kept in train; what is too few for the other parts is said. A row that is added
later moves no other one but its near duplicates, and what was held out once is never trained on.
The configuration that was used is `<state_dir>/tables/<task>/finetune.yaml`.
"""

import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field
from rich.console import Console

from pipelines.command import CommandLine
from shared.config import Settings, load
from shared.errors import InputError
from shared.files import write_atomic
from shared.models.bundle import TaskName
from shared.models.threads import share_cores
from shared.tabular.headings import find_heading
from shared.tabular.rows import Row
from shared.tabular.table import TableFormat, format_of, open_table

CONFIG_FILE = "finetune.yaml"
_SPLIT = {"by": "text_hash", "choice": 0.1, "calibration": 0.1, "gate": 0.15}
_TEXT, _LABEL = "text", "label"


class TableSettings(Settings):
    """The table, and the columns of its texts and labels where their names do not tell.

    `finetune` is set over the configuration that the table gives, see `pipelines.finetune`.
    """

    table: Path
    task: TaskName
    text: str | None = None
    label: str | None = None
    finetune: dict[str, Any] = Field(default_factory=dict)
    state_dir: Path = Path("var")


def run(settings: TableSettings, command: str, console: Console) -> int:
    """Writes the configuration, and trains by it.

    Raises:
        PlatformError: the table or the settings cannot be used; nothing is registered then.
    """
    share_cores()
    from pipelines.finetune import finetune
    from shared.training.settings import FinetuneSettings

    text, label = columns_of(settings)
    folder = settings.state_dir / "tables" / settings.task
    values = {
        "task": settings.task,
        "data": {
            "train": str(settings.table.resolve()),
            "split": _SPLIT,
            "text": text,
            "label": label,
        },
        "state_dir": str(settings.state_dir),
    }
    chosen = load(FinetuneSettings, environ={}, values=values, overrides=settings.finetune).settings
    used = chosen.model_dump(mode="json", exclude_unset=True)
    write_atomic(folder / CONFIG_FILE, yaml.safe_dump(used, sort_keys=False).encode())
    console.print(f"the configuration: {folder / CONFIG_FILE}", markup=False)
    again = f"python -m pipelines.finetune --config {folder / CONFIG_FILE}"
    finetune(chosen, command=again, console=console)
    return 0


def columns_of(settings: TableSettings) -> tuple[str, str]:
    """The names of the columns of texts and labels.

    Of two columns without telling names, the labels are those of which fewer differ.

    Raises:
        InputError: it cannot be told which they are; the message has the columns.
    """
    if settings.text is not None and settings.label is not None:
        return settings.text, settings.label
    names, distinct = _head(settings.table)
    text = settings.text or find_heading(names, _TEXT)
    label = settings.label or find_heading(names, _LABEL)
    rest = [name for name in names if name not in (text, label)]
    if text is None and label is None and len(names) == 2:
        label, text = sorted(names, key=lambda name: distinct[name])
    elif text is None and len(rest) == 1:
        text = rest[0]
    elif label is None and len(rest) == 1:
        label = rest[0]
    if text is None or label is None:
        raise InputError(
            f"{settings.table} has the columns {', '.join(map(repr, names))}: which hold texts and "
            "labels? Say so with --text and --label"
        )
    return text, label


def _head(path: Path) -> tuple[tuple[str, ...], dict[str, int]]:
    """The columns of a CSV, and how many different values each has."""
    if format_of(path.name) is not TableFormat.CSV:
        raise InputError(
            f"{path}: name the columns of a file that is not a .csv, with --text and --label"
        )
    table = open_table(path)
    names = table.columns or ()
    seen: dict[str, set[object]] = {name: set() for name in names}
    for row in table.rows():
        if isinstance(row, Row):
            for name, value in row.values.items():
                seen[name].add(value)
    return names, {name: len(values) for name, values in seen.items()}


main = CommandLine("table", TableSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
