"""What a run's split holds out becomes the evaluation set of its task, once and for good."""

import time

from rich.console import Console

from pipelines.judging.frozen import find_frozen, freeze
from pipelines.judging.sets import data_name
from pipelines.judging.subject import Subject
from shared.training.data_report import AnyExample
from shared.training.data_settings import TEST
from shared.training.sets import ReadSets
from shared.training.settings import FinetuneSettings


def keep_held_out(settings: FinetuneSettings, read: ReadSets[AnyExample], console: Console) -> None:
    """Freezes the test part of a split, unless the task has a set; says which of both it is.

    Raises:
        ArtifactError: the registry's table of evaluation sets is malformed.
    """
    held_out = read.measured.get(TEST)
    if settings.data.split is None or not held_out:
        return
    root, task, data = settings.registry_root, settings.task, settings.data
    entry = find_frozen(root, task)
    if entry is not None:
        console.print(
            f"{task} keeps its frozen evaluation set: {entry.name}, {entry.examples:,} rows",
            markup=False,
        )
        return
    subject = Subject(settings.kind, settings.multi_label)
    name = f"held out of {data_name(data.train)}"
    freeze(root, task, subject, held_out, name=name, licence=data.licence, at_s=time.time())
    console.print(f"{len(held_out):,} held-out rows are its frozen evaluation set")
