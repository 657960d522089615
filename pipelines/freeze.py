"""Freezes evaluation sets: small parts of files, by which candidates of a task are judged.

    python -m pipelines.freeze --config pipelines/configs/evaluation_sets.yaml \
        [--set registry=FOLDER only=[TASK, ...]]

Those that ship are made of data that may ship, with its licence. A part is chosen by the hash of
its examples: the same file gives the same part, and one more row changes at most one example.
"""

import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field
from rich.console import Console

from pipelines.command import CommandLine
from shared.config import Settings
from shared.models.bundle import TaskName
from shared.models.tasks import TaskKind
from shared.training.data.examples import AnyExample
from shared.training.data.settings import Files
from shared.training.evaluation.sets import read_examples
from shared.training.evaluation.settings import JudgingSettings
from shared.training.publish.frozen import Frozen, as_lines, freeze
from shared.training.tasks.kinds import kind_of


class SetSettings(Settings):
    """One task's set: at most so many `examples` of these files."""

    kind: TaskKind = TaskKind.CLASSIFY
    multi_label: bool = False
    data: Files
    examples: int = Field(default=500, ge=1, le=100_000)
    name: str
    licence: str


class FreezeSettings(JudgingSettings):
    """The sets by task; `only` these, where it is given."""

    sets: dict[TaskName, SetSettings]
    only: tuple[TaskName, ...] = ()


def run(settings: FreezeSettings, command: str, console: Console) -> int:
    """Reads every set before it writes one."""
    chosen = {
        task: (of_task, _part(of_task, settings))
        for task, of_task in settings.sets.items()
        if not settings.only or task in settings.only
    }
    for task, (of_task, examples) in chosen.items():
        entry = _freeze(settings.registry_root, task, of_task, examples)
        console.print(f"{task}: {entry.examples:,} examples of {entry.name} ({entry.sha256[:12]})")
    return 0


def _part(of_task: SetSettings, settings: FreezeSettings) -> list[AnyExample]:
    kind = kind_of(of_task.kind, of_task.multi_label)
    examples = dict.fromkeys(read_examples(kind, of_task.data, settings))
    by_hash = sorted(examples, key=lambda each: hashlib.sha256(as_lines(kind, [each])).digest())
    return by_hash[: of_task.examples]


def _freeze(root: Path, task: str, of_task: SetSettings, examples: Sequence[AnyExample]) -> Frozen:
    return freeze(
        root,
        task,
        kind_of(of_task.kind, of_task.multi_label),
        examples,
        name=of_task.name,
        licence=of_task.licence,
        at_s=time.time(),
    )


main = CommandLine("freeze", FreezeSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
