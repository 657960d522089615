"""The sets of a run, read from their files: all faults of all of them at once."""

import csv
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from shared.errors import InputError
from shared.files import write_atomic
from shared.training.data.examples import AnyExample, ExampleT
from shared.training.data.reading import (
    Portion,
    Row,
    RowFault,
    RowReader,
    label_cell,
    raise_faults,
    read_files,
    renamed,
)
from shared.training.data.separation import (
    Parted,
    PlacedRow,
    keep_learnable,
    leave_out,
    move_together,
    tell_sizes,
)
from shared.training.data.settings import (
    JUDGING,
    DataFile,
    DataSettings,
    SetPart,
    Split,
    TextHashSplit,
)
from shared.training.data.sources import locate_files
from shared.training.data.splits import key_reader, parts_of_keys

_LOGGER = logging.getLogger(__name__)
_MEGABYTE = 1e6
_PLACES = 3
_ItemT = TypeVar("_ItemT")


@dataclass(frozen=True, slots=True)
class ReadSets(Generic[ExampleT]):
    """The examples of each set, and the bad rows that were left out because few are allowed.

    `dev` is what chooses, `choosing` its name; `calibration` is None where it calibrates too. The
    gate is one of the `measured` sets. `notes` say what was done to keep four parts apart.
    `label_places` are the first rows of the files with each label, `file:line`.
    """

    train: list[ExampleT]
    dev: list[ExampleT]
    measured: dict[str, list[ExampleT]]
    rejected: list[RowFault] = field(default_factory=list)
    calibration: list[ExampleT] | None = None
    choosing: SetPart = SetPart.DEV
    notes: tuple[str, ...] = ()
    label_places: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def all(self) -> dict[str, list[ExampleT]]:
        """Every set by its name, train and what chooses first."""
        calibration = {} if self.calibration is None else {"calibration": self.calibration}
        return {"train": self.train, self.choosing.value: self.dev} | calibration | self.measured


def read_sets(
    data: DataSettings,
    reader_of: Callable[[DataFile], RowReader[ExampleT]],
    *,
    data_dir: Path,
    rejects: Path,
    ray_address: str = "local",
    judged: Sequence[AnyExample] = (),
) -> ReadSets[ExampleT]:
    """Reads all sets, and splits train where the settings say so; `reader_of` gives
    what reads a file's rows, its own columns aside.

    `judged` is the evaluation set that the task has already: of four parts, only the gate may have
    rows of it. Bad rows are written to the file `rejects` (file, row, reason); there is none
    without them.

    Raises:
        InputError: a file is missing, empty or damaged, more rows of a set are bad than are
            allowed, or a split leaves a part empty. All bad rows of all sets are told at once.
        DependencyError: a Hugging Face data set cannot be had.
    """
    files = data.named_files()
    located = [
        (name, path, file)
        for name, of_set in files.items()
        for file in of_set
        for path in locate_files(file, data_dir)
    ]
    megabytes = sum(p.stat().st_size for p in {p for _, p, _ in located} if p.is_file()) / _MEGABYTE
    portions = _read(
        [(path, _keyed(reader_of, file, data, name)) for name, path, file in located],
        through_ray=megabytes >= data.ray_from_mb,
        ray_address=ray_address,
    )
    sets = {name: Portion[PlacedRow[ExampleT]]() for name in files}
    places: dict[str, list[str]] = {}
    for (name, path, _), portion in zip(located, portions, strict=True):
        sets[name].add(portion)
        _note_places(places, path, portion)
    rejected = [fault for portion in sets.values() for fault in portion.faults]
    _write_rejects(rejects, rejected)
    raise_faults([f for portion in sets.values() for f in _too_many(portion, data)], rejects)
    if rejected:
        _LOGGER.warning("%d bad rows are left out: %s names them", len(rejected), rejects)
    parted = _part(data, {name: each.examples for name, each in sets.items()}, rejected, judged)
    return replace(parted, label_places=places)


def _note_places(
    places: dict[str, list[str]], path: Path, portion: Portion[PlacedRow[ExampleT]]
) -> None:
    """Adds the first rows of each label."""
    for row, line in zip(portion.examples, portion.lines, strict=True):
        for label in row.example.targets():
            of_label = places.setdefault(label, [])
            if len(of_label) < _PLACES and (place := f"{path.name}:{line}") not in of_label:
                of_label.append(place)


def _keyed(
    reader_of: Callable[[DataFile], RowReader[ExampleT]],
    file: DataFile,
    data: DataSettings,
    set_name: str,
) -> RowReader[PlacedRow[ExampleT]]:
    """A file's reader, which gives each example with what decides its part."""
    read_row, key_of = reader_of(file), None
    if set_name == SetPart.TRAIN and data.split is not None:
        key_of = key_reader(data.split, data.group or data.text)

    def read(row: Row) -> list[PlacedRow[ExampleT]]:
        key = SetPart.TRAIN if key_of is None else key_of(row)
        group = None if data.group is None else label_cell(row, data.group)
        label = row.get(data.label)
        padded = isinstance(label, str) and label != label.strip()
        return [PlacedRow(example, key, group, padded) for example in read_row(row)]

    return renamed(read, file.columns)


def _read(
    files: Sequence[tuple[Path, RowReader[_ItemT]]], *, through_ray: bool, ray_address: str
) -> list[Portion[_ItemT]]:
    if not through_ray:
        return read_files(files)
    # Only here: its import takes seconds, which small files need not pay.
    from shared.training.data import ray_reading

    return read_files(
        files,
        part_bytes=ray_reading.PART_BYTES,
        read_parts=partial(ray_reading.read_parts, address=ray_address),
    )


def _too_many(portion: Portion[_ItemT], data: DataSettings) -> list[RowFault]:
    """The faults of a set that stop the run: none while few enough rows are bad.

    A file as a whole (row 0) that cannot be read stops it always: nobody knows what is missing.
    """
    allowed = max(data.max_bad_rows, int(data.max_bad_share * portion.rows))
    of_files = [fault for fault in portion.faults if not fault.line]
    return portion.faults if len(portion.faults) - len(of_files) > allowed else of_files


def _write_rejects(path: Path, faults: Sequence[RowFault]) -> None:
    if not faults:
        path.unlink(missing_ok=True)
        return
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(["file", "row", "reason"])
    rows.writerows([fault.file, fault.line, fault.reason] for fault in faults)
    write_atomic(path, table.getvalue().encode("utf-8", "backslashreplace"))


def _part(
    data: DataSettings,
    sets: Mapping[str, list[PlacedRow[ExampleT]]],
    rejected: list[RowFault],
    judged: Sequence[AnyExample],
) -> ReadSets[ExampleT]:
    """The sets as they are used: train is split, and four parts are kept apart."""
    rows = {part: sets.get(part, []) for part in SetPart}
    notes = _spaces(sets)
    if data.split is not None:
        taken = rows.pop(SetPart.TRAIN)
        parts, moved = _split(data, data.split, taken)
        notes += moved
        rows |= {SetPart.TRAIN: []} | {SetPart(part): [] for part in data.split.parts()}
        for part, row in zip(parts, taken, strict=True):
            rows[part].append(row)
    measured = {name: _examples(sets[name]) for name in data.measured}
    if not data.four_parts:
        if rows[SetPart.TEST]:
            measured = {SetPart.TEST.value: _examples(rows[SetPart.TEST])} | measured
        train, dev = _examples(rows[SetPart.TRAIN]), _examples(rows[SetPart.DEV])
        return ReadSets(train, dev, measured, rejected, notes=tuple(notes))
    parted = leave_out(Parted(rows, tuple(notes)), data.near_duplicate, judged)
    kept = {part: _examples(parted.parts[part]) for part in (SetPart.TRAIN, *JUDGING)}
    if not kept[SetPart.TRAIN]:
        raise InputError(f"no row is left to train on: {'; '.join(parted.notes)}")
    if kept[SetPart.GATE]:
        measured = {SetPart.GATE.value: kept[SetPart.GATE]} | measured
    return ReadSets(
        kept[SetPart.TRAIN],
        kept[SetPart.CHOICE],
        measured,
        rejected,
        calibration=kept[SetPart.CALIBRATION],
        choosing=SetPart.CHOICE,
        notes=(*parted.notes, *tell_sizes(parted.parts)),
    )


def _split(
    data: DataSettings, split: Split, rows: Sequence[PlacedRow[ExampleT]]
) -> tuple[list[SetPart], list[str]]:
    """The part of each row of train, and what was done beside the split."""
    parts = parts_of_keys(split, [row.key for row in rows])
    if not isinstance(split, TextHashSplit):
        return parts, []
    parts, notes = keep_learnable(rows, parts)
    if data.four_parts and data.group is None:
        # Rows of other groups would follow; what repeats them is left out instead.
        parts, moved = move_together(rows, parts, data.near_duplicate)
        notes += moved
    return parts, notes


def _spaces(sets: Mapping[str, Sequence[PlacedRow[ExampleT]]]) -> list[str]:
    padded = [row for rows in sets.values() for row in rows if row.padded]
    if not padded:
        return []
    shown = str(padded[0].example.shared_texts()[0])[:60]
    return [
        f"{len(padded):,} label(s) have space around them, which is not part of a label: "
        f"the first is that of {shown!r}"
    ]


def _examples(rows: Sequence[PlacedRow[ExampleT]]) -> list[ExampleT]:
    return [row.example for row in rows]
