"""From the settings of `pipelines.tune` to a table of trials and the best configuration."""

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from pipelines.tuning.preparing import Preparation
from pipelines.tuning.search import Listener, run_trials
from pipelines.tuning.settings import TuneSettings
from pipelines.tuning.space import Planned, plan, shown
from pipelines.tuning.trials import (
    BEST_FILE,
    TABLE_FILE,
    Trial,
    ranked,
    read_trial,
    search_folder,
    trials_table,
    write_results,
    write_trial,
)
from shared.errors import PlatformError
from shared.training.loop.checkpoint import EpochScore
from shared.training.loop.ray_train import cluster
from shared.training.loop.run_folder import RunSpec, locked


def tune(search: TuneSettings, *, console: Console) -> list[Trial]:
    """Runs what is left of a search; returns its trials, the best first.

    The run of the best trial stays, so that `pipelines.finetune` on the best configuration goes
    on where it ended; the others' are removed.

    Raises:
        PlatformError: the configuration or the data cannot be used, or every trial failed.
        KeyboardInterrupt: it was interrupted; the same command continues.
    """
    planned = {trial.number: trial for trial in plan(search)}
    preparation = Preparation()
    specs = preparation.specs(list(planned.values()))
    folder = search_folder(search, specs[0].folder().name)
    with contextlib.ExitStack() as locks:
        locks.enter_context(locked(folder))
        progress = _Progress(folder, planned, specs, console)
        pending = progress.pending()
        ended = len(specs) - len(pending)
        console.print(f"{len(specs)} trials, {ended} of them ended before; in {folder}")
        if pending:
            for number in pending:
                locks.enter_context(locked(specs[number].folder()))
                preparation.write(specs[number])
            try:
                with cluster(specs[0].settings.workers) as group:
                    run_trials(specs, search, folder, group, progress.listener())
            finally:
                shutil.rmtree(folder / "ray", ignore_errors=True)
        return _results(folder, planned, progress, console)


class _Progress:
    """Keeps what ends, says what happens, and removes the runs that are not needed any more."""

    def __init__(
        self,
        folder: Path,
        planned: Mapping[int, Planned],
        specs: Mapping[int, RunSpec],
        console: Console,
    ) -> None:
        self._folder, self._planned, self._specs = folder, planned, specs
        self._console = console
        found = (read_trial(folder, n, spec.folder().name) for n, spec in specs.items())
        self.trials = {trial.number: trial for trial in found if trial is not None}
        self.failed: dict[int, str] = {}

    def pending(self) -> list[int]:
        """The numbers of the trials that have not ended."""
        return [number for number in self._specs if number not in self.trials]

    def listener(self) -> Listener:
        """What the search tells of its trials."""
        return Listener(epoch=self._epoch, ended=self._ended, failed=self._failed)

    def _epoch(self, number: int, score: EpochScore) -> None:
        if number in self.trials:
            return
        settings = self._planned[number].settings
        self._console.print(
            f"trial {number}, epoch {score.epoch + 1}/{settings.optimisation.epochs}: "
            f"{settings.metric} {score.metrics[settings.metric]:.4f}"
        )

    def _ended(self, number: int, history: tuple[EpochScore, ...], stopped: bool) -> None:
        if number in self.trials:
            return
        planned, spec = self._planned[number], self._specs[number]
        epochs = planned.settings.optimisation.epochs
        trial = Trial(
            number=number,
            drawn=planned.drawn,
            run=spec.folder().name,
            metric=planned.settings.metric,
            epochs=epochs,
            # ASHA stops a trial after the last epoch too.
            stopped=stopped and len(history) < epochs,
            history=history,
        )
        write_trial(self._folder, trial)
        self.trials[number] = trial
        for worse in ranked(list(self.trials.values()))[1:]:
            shutil.rmtree(self._specs[worse.number].folder(), ignore_errors=True)

    def _failed(self, number: int, reason: str) -> None:
        self.failed[number] = reason
        named = shown(self._planned[number].drawn)
        self._console.print(f"trial {number} ({named}) failed: {reason}", markup=False)


def _results(
    folder: Path, planned: Mapping[int, Planned], progress: _Progress, console: Console
) -> list[Trial]:
    if set(progress.pending()) - set(progress.failed):
        console.print(f"{len(progress.trials)} trials have ended: the same command continues")
        raise KeyboardInterrupt
    if not progress.trials:
        reasons: Sequence[str] = sorted(set(progress.failed.values()))
        raise PlatformError(f"every trial failed: {'; '.join(reasons)}: remove the cause")
    trials = ranked(list(progress.trials.values()))
    best = planned[trials[0].number].settings
    write_results(folder, trials, best)
    console.print(trials_table(trials))
    for number, reason in sorted(progress.failed.items()):
        console.print(f"trial {number} failed, and is tried again next time: {reason}")
    console.print(f"the table: {folder / TABLE_FILE}", markup=False)
    console.print("The next command makes the bundle of the best one, from where it ended:")
    console.print(f"  banyan train {folder / BEST_FILE}", style="bold", markup=False)
    return trials
