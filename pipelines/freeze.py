"""Freezes evaluation sets: small parts of files, by which candidates of a task are judged.

    python -m pipelines.freeze --config pipelines/configs/evaluation_sets.yaml \
        [--set registry=FOLDER only=[TASK, ...]]

Those that ship are made of data that may ship, with its licence. A part is chosen by the hash of
its examples: the same file gives the same part, and one more row changes at most one example.
"""

import hashlib
import sys
import time
from typing import Any

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
from shared.training.publish.frozen import as_lines, freeze
from shared.training.tasks.kind import Kind
from shared.training.tasks.kinds import kind_of


class SetSettings(Settings):
    """One task's set: at most so many `examples` of these files."""

    kind: TaskKind = TaskKind.CLASSIFY
    multi_label: bool = False
    data: Files
    examples: int = Field(default=500, ge=1, le=100_000)
    name: str
    licence: str

    @property
    def task_kind(self) -> Kind[Any]:
        """The kind of the set's examples."""
        return kind_of(self.kind, self.multi_label)


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
        entry = freeze(
            settings.registry_root,
            task,
            of_task.task_kind,
            examples,
            name=of_task.name,
            licence=of_task.licence,
            at_s=time.time(),
        )
        console.print(f"{task}: {entry.examples:,} examples of {entry.name} ({entry.sha256[:12]})")
    return 0


def _part(of_task: SetSettings, settings: FreezeSettings) -> list[AnyExample]:
    kind = of_task.task_kind
    examples = dict.fromkeys(read_examples(kind, of_task.data, settings))
    by_hash = sorted(examples, key=lambda each: hashlib.sha256(as_lines(kind, [each])).digest())
    return by_hash[: of_task.examples]


main = CommandLine("freeze", FreezeSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
