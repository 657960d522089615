"""What came of the trials: a file for each that has ended, a table of all, and the best as YAML.

    <state_dir>/tuning/<task>-<12 hex>/
        00003.json              a trial that has ended, written whole; it is never run again
        trials.json             all of them, the best first
        best.yaml               the best configuration, for `pipelines.finetune`

The 12 hex digits come from all that decides the trials and their figures but for their number, so
the same command finds its own. Ray Tune's own snapshot is written in place and may be torn when
its process is killed, so it is not read: these files are the only truth.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, JsonValue, ValidationError
from rich.table import Table

from pipelines.tuning.settings import TuneSettings
from shared.files import write_atomic
from shared.training.loop.checkpoint import EpochScore
from shared.training.settings import FinetuneSettings

TABLE_FILE, BEST_FILE = "trials.json", "best.yaml"


class Trial(BaseModel, frozen=True, extra="forbid"):
    """A trial that has ended: by itself, or `stopped` because others were better at that epoch.

    `run` is the name of its run's folder, which stands for everything that decides its weights.
    """

    number: int
    drawn: dict[str, JsonValue]
    run: str
    metric: str
    epochs: int
    stopped: bool
    history: tuple[EpochScore, ...]

    @property
    def best(self) -> EpochScore:
        """Its best epoch."""
        return max(self.history, key=lambda each: each.metrics[self.metric])

    @property
    def value(self) -> float:
        """The metric of dev at its best epoch."""
        return self.best.metrics[self.metric]


def search_folder(search: TuneSettings, base_run: str) -> Path:
    """The folder of a search, absolute; `base_run` names the run of trial 0."""
    decisive = search.model_dump_json(include={"space", "seed", "grace_epochs", "reduction"})
    name = hashlib.sha256(f"{base_run}\n{decisive}".encode()).hexdigest()[:12]
    task = base_run.rpartition("-")[0]
    return (search.state_dir / "tuning" / f"{task}-{name}").resolve()


def write_trial(folder: Path, trial: Trial) -> None:
    """Keeps a trial that has ended."""
    write_atomic(_file(folder, trial.number), trial.model_dump_json(indent=2).encode())


def read_trial(folder: Path, number: int, run: str) -> Trial | None:
    """A trial that has ended, or None: it has not, or what it was made of has changed since."""
    try:
        trial = Trial.model_validate_json(_file(folder, number).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return trial if trial.run == run else None


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The trials, the best first; the earlier one where two are equal."""
    return sorted(trials, key=lambda each: (-each.value, each.number))


def write_results(folder: Path, trials: Sequence[Trial], best: FinetuneSettings) -> None:
    """Writes the table as JSON and the best configuration as YAML."""
    rows = [
        {"value": each.value, "best_epoch": each.best.epoch + 1, **each.model_dump(mode="json")}
        for each in trials
    ]
    write_atomic(folder / TABLE_FILE, f"{json.dumps(rows, indent=2)}\n".encode())
    values = best.model_dump(mode="json", exclude_unset=True)
    write_atomic(folder / BEST_FILE, yaml.safe_dump(values, sort_keys=False).encode())


def trials_table(trials: Sequence[Trial]) -> Table:
    """The trials for the terminal, in the given order."""
    keys = list(trials[0].drawn)
    table = Table("trial", *keys, trials[0].metric, "best epoch", "epochs", "seconds")
    for each in trials:
        name = f"{each.number} (as it stands)" if each.number == 0 else str(each.number)
        table.add_row(
            name,
            *(str(each.drawn[key]) for key in keys),
            f"{each.value:.4f}",
            str(each.best.epoch + 1),
            f"{len(each.history)} of {each.epochs}{', stopped' if each.stopped else ''}",
            f"{sum(score.seconds for score in each.history):.0f}",
        )
    return table


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:05}.json"
