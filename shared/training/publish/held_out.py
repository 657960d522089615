"""What a run's split holds out becomes the evaluation set of its task, once and for good."""

import time
from collections.abc import Sequence

from rich.console import Console

from shared.errors import NotFoundError
from shared.training.data.examples import AnyExample
from shared.training.data.sets import ReadSets
from shared.training.data.settings import SetPart
from shared.training.evaluation.sets import data_name
from shared.training.publish.frozen import find_frozen, freeze, read_frozen
from shared.training.settings import FinetuneSettings


def judged_already(settings: FinetuneSettings) -> Sequence[AnyExample]:
    """What the task is judged by, where it has a set whose texts are here and are of its kind.

    Raises:
        ArtifactError: the set, or the registry's table of evaluation sets, is corrupt.
    """
    try:
        entry, examples = read_frozen(settings.registry_root, settings.task)
    except NotFoundError:
        return ()
    return examples if entry.task_kind is settings.task_kind else ()


def held_out(settings: FinetuneSettings, read: ReadSets[AnyExample]) -> Sequence[AnyExample]:
    """What decides nothing in this run: the gate, or the test part of a split."""
    if settings.data.four_parts:
        return read.measured.get(SetPart.GATE, ())
    return read.measured.get(SetPart.TEST, ()) if settings.data.split is not None else ()


def keep_held_out(settings: FinetuneSettings, read: ReadSets[AnyExample], console: Console) -> None:
    """Freezes what is held out, unless the task has a set; says which of both it is.

    Raises:
        ArtifactError: the registry's table of evaluation sets is malformed.
    """
    rows = held_out(settings, read)
    if not rows:
        return
    root, task, data = settings.registry_root, settings.task, settings.data
    entry = find_frozen(root, task)
    if entry is not None:
        console.print(
            f"{task} keeps its frozen evaluation set: {entry.name}, {entry.examples:,} rows",
            markup=False,
        )
        return
    name = data_name(data.gate) if data.gate else f"held out of {data_name(data.train)}"
    freeze(root, task, settings.task_kind, rows, name=name, licence=data.licence, at_s=time.time())
    console.print(f"{len(rows):,} held-out rows are its frozen evaluation set")
