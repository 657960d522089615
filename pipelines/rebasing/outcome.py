"""What came of each task: a file for each, by which an interrupted rebase goes on.

<state_dir>/rebasing/<12 hex of the backbone's hash>/
    <task>.json             what is done, or why it could not be
    report.json             all of them
"""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError
from rich.table import Table

from shared.files import write_atomic
from shared.metrics.metric import STORED, Metric

REPORT_FILE = "report.json"


class Paired(BaseModel, frozen=True, extra="forbid"):
    """The deciding figure of both on the task's frozen set, and the interval of the difference."""

    metric: str
    before: float
    after: float
    difference: Metric


class RebasedTask(BaseModel, frozen=True, extra="forbid"):
    """One task: the champion that it had, its successor, and what was gained or lost.

    `fault` says why there is no successor; `note` why something could not be compared.
    """

    task: str
    before: str
    after: str | None = None
    fault: str | None = None
    note: str | None = None
    metrics_before: dict[str, Metric] = {}
    metrics_after: dict[str, Metric] = {}
    paired: Paired | None = None


def rebase_folder(state_dir: Path, backbone_sha256: str) -> Path:
    """The folder of all that is done for one new backbone."""
    return state_dir / "rebasing" / backbone_sha256[:12]


def write_outcome(folder: Path, outcome: RebasedTask) -> None:
    """Keeps what came of a task."""
    write_atomic(folder / f"{outcome.task}.json", outcome.model_dump_json(indent=2).encode())


def read_outcome(folder: Path, task: str, before: str) -> RebasedTask | None:
    """What came of a task, or None where it is not done or its champion is another one now."""
    try:
        outcome = RebasedTask.model_validate_json(
            (folder / f"{task}.json").read_bytes(), context=STORED
        )
    except (FileNotFoundError, ValidationError):
        return None
    return outcome if outcome.before == before and outcome.after is not None else None


def write_report(folder: Path, outcomes: Sequence[RebasedTask]) -> None:
    """Writes all outcomes as one JSON file."""
    values = [outcome.model_dump(mode="json") for outcome in outcomes]
    write_atomic(folder / REPORT_FILE, f"{json.dumps(values, indent=2)}\n".encode())


def outcomes_table(outcomes: Sequence[RebasedTask]) -> Table:
    """What each task gained and lost, for the terminal."""
    table = Table("task", "figure", "before", "after", "difference (95 % interval)")
    for outcome in outcomes:
        name = outcome.task
        for metric, after in outcome.metrics_after.items():
            before = outcome.metrics_before.get(metric)
            if before is not None:
                change = f"{after.value - before.value:+.4f}"
                shown = f"{before.value:.4f}", f"{after.value:.4f}"
                table.add_row(name, _named(metric), *shown, change)
                name = ""
        if outcome.paired is not None:
            both, apart = outcome.paired, outcome.paired.difference
            change = f"{apart.value:+.4f} ({apart.low:+.4f} to {apart.high:+.4f})"
            figure = f"frozen set: {both.metric}"
            table.add_row(name, figure, f"{both.before:.4f}", f"{both.after:.4f}", change)
    return table


def _named(metric: str) -> str:
    return metric if "." in metric else f"dev: {metric}"
