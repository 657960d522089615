"""Reports on a run's data, and writes the splits that the run would use.

    python -m pipelines.data --config FILE [--set key=value ...]

FILE is a configuration of `pipelines.finetune`. Into `<state_dir>/data/<task>/` go `report.json`
(labels, also those that differ in writing alone, lengths in tokens, exact and near duplicates, what
was done to keep the four parts apart, what of a part or of the task's frozen evaluation set leaks
into another), each set as `<set>.jsonl`, and `rejects.csv` if rows are bad. Ends
with status 1 where a run would refuse the data.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from pipelines.command import CommandLine
from shared.errors import InputError, NotFoundError
from shared.files import write_atomic
from shared.models.backbone import Backbone
from shared.training.data.arrays import Int64s
from shared.training.data.examples import AnyExample
from shared.training.data.report import DataReport, report_data
from shared.training.data.sets import ReadSets
from shared.training.publish.frozen import find_frozen, read_frozen
from shared.training.publish.held_out import held_out, judged_already
from shared.training.settings import FinetuneSettings
from shared.training.tasks.training_data import REJECTS, check_data, read_data

REPORT_FILE = "report.json"
_FROZEN = "its frozen evaluation set"
_SLICE = 1024
_EXAMPLE: TypeAdapter[object] = TypeAdapter(object)


def run(settings: FinetuneSettings, command: str, console: Console) -> int:
    """Writes the report and prints what of it matters; returns 1 where a run would refuse."""
    report = examine(settings)
    show(report, settings.data_folder, console)
    if missing := not_compared(settings):
        console.print(missing, markup=False, highlight=False)
    return 1 if report.faults else 0


def examine(settings: FinetuneSettings) -> DataReport:
    """Writes the report and the sets; the report's `faults` say why a run would refuse the data.

    Raises:
        InputError: files or too many rows cannot be read; the file of rejects names them.
        PlatformError: the backbone, whose tokens are counted, cannot be had.
    """
    read = read_data(settings, judged_already(settings))
    faults: tuple[str, ...] = ()
    try:
        check_data(settings, read)
    except InputError as error:
        faults = (str(error),)
    return write_report(settings, read, Backbone.load(settings.backbone), faults)


def write_report(
    settings: FinetuneSettings,
    read: ReadSets[AnyExample],
    backbone: Backbone,
    faults: tuple[str, ...] = (),
) -> DataReport:
    """Writes the report on what was read, and each set, into the run's data folder.

    Raises:
        ArtifactError: the task's frozen evaluation set is corrupt.
    """
    sets, judging = read.all(), judged_already(settings)
    # What judges the task may be what this run holds out anyway.
    frozen = {_FROZEN: judging} if judging and judging != tuple(held_out(settings, read)) else {}

    def count_tokens(rows: Sequence[str | tuple[str, str]]) -> Int64s:
        slices = (rows[start : start + _SLICE] for start in range(0, len(rows), _SLICE))
        encode = backbone.tokenizer.encode_batch_fast
        return np.array([len(each) for part in slices for each in encode(list(part))], np.int64)

    report = report_data(
        settings.task,
        sets | frozen,
        near_duplicate=settings.data.near_duplicate,
        count_tokens=count_tokens,
        max_length=min(settings.max_length or backbone.max_length, backbone.max_length),
        label_places=read.label_places,
    ).model_copy(update={"rejected": len(read.rejected), "faults": faults, "notes": read.notes})
    folder = settings.data_folder
    for name, examples in sets.items():
        lines = (_EXAMPLE.dump_json(example) + b"\n" for example in examples)
        write_atomic(folder / f"{name}.jsonl", b"".join(lines))
    write_atomic(folder / REPORT_FILE, report.model_dump_json(indent=2).encode())
    return report


def not_compared(settings: FinetuneSettings) -> str:
    """Why the data were not compared with what the task is judged by; empty where they were, or
    where there is nothing.
    """
    try:
        read_frozen(settings.registry_root, settings.task)
    except NotFoundError as error:
        named = find_frozen(settings.registry_root, settings.task)
        return "" if named is None else f"not compared with the frozen set: {error}"
    return ""


def show(report: DataReport, folder: Path, console: Console) -> None:
    """Prints what a person looks at first; the rest stands in the file."""
    sizes = Table("set", "examples", "labels", "imbalance", "tokens: median, p99, longest", "cut")
    for name, of_set in report.sets.items():
        lengths = of_set.lengths
        sizes.add_row(
            name,
            f"{of_set.examples:,}",
            f"{len(of_set.labels)}",
            f"{of_set.imbalance:.1f}",
            f"{lengths.median:.0f}, {lengths.p99:.0f}, {lengths.longest}",
            f"{lengths.cut:,}",
        )
    console.print(sizes)
    twins = Table("compared", "set", "in", "texts", "exact", "other label", "near", "share")
    for view, of_view in report.overlaps.items():
        for each in of_view:
            counts = (each.texts, each.exact, each.contradicting, each.near)
            numbers = [f"{count:,}" for count in counts]
            twins.add_row(view, each.name, each.within, *numbers, f"{each.share:.1%}")
    console.print(twins)
    if report.rejected:
        console.print(f"{report.rejected:,} bad rows are left out: see {folder / REJECTS}")
    for line in (*report.notes, *map(str, report.variants)):
        console.print(line, markup=False, highlight=False)
    for fault in report.faults:
        console.print(f"a run would refuse this data: {fault}", markup=False, highlight=False)
    console.print(f"report and sets are in {folder}")


main = CommandLine("data", FinetuneSettings, run, __doc__, section="finetune", needs_config=True)

if __name__ == "__main__":
    sys.exit(main())
