"""The sets of a run, read from their files: all faults of all of them at once."""

import csv
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic

from shared.files import write_atomic
from shared.training.data_settings import DataFile, DataSettings
from shared.training.data_sources import locate_files
from shared.training.entity_rows import retyped
from shared.training.reading import (
    ExampleT,
    Portion,
    Row,
    RowFault,
    RowReader,
    raise_faults,
    read_files,
    renamed,
)
from shared.training.splits import Key, SetPart, key_reader, parts_of_keys

_LOGGER = logging.getLogger(__name__)
_MEGABYTE = 1e6
_UNSPLIT: Key = SetPart.TRAIN


@dataclass(frozen=True, slots=True)
class ReadSets(Generic[ExampleT]):
    """The examples of each set, and the bad rows that were left out because few are allowed."""

    train: list[ExampleT]
    dev: list[ExampleT]
    measured: dict[str, list[ExampleT]]
    rejected: list[RowFault] = field(default_factory=list)

    def all(self) -> dict[str, list[ExampleT]]:
        """Every set by its name, train and dev first."""
        return {"train": self.train, "dev": self.dev, **self.measured}


def read_sets(
    data: DataSettings,
    read_row: Mapping[str, RowReader[ExampleT]],
    *,
    data_dir: Path,
    rejects: Path,
    ray_address: str = "local",
) -> ReadSets[ExampleT]:
    """Reads all sets, and splits train where the settings say so; `read_row` is by format.

    Bad rows are written to the file `rejects` (file, row, reason); there is none without them.

    Raises:
        InputError: a file is missing, empty or damaged, more rows of a set are bad than are
            allowed, or a split leaves a part empty. All bad rows of all sets are told at once.
        DependencyError: a Hugging Face data set cannot be had.
    """
    files = {"train": data.train, "dev": data.dev, **data.measured}
    located = [
        (name, path, file)
        for name, of_set in files.items()
        for file in of_set
        for path in locate_files(file, data_dir)
    ]
    keyed = {name: _keyed(read_row, data, split=name == "train") for name in files}
    portions = _read(
        [(path, keyed[name](file)) for name, path, file in located],
        through_ray=_megabytes([path for _, path, _ in located]) >= data.ray_from_mb,
        ray_address=ray_address,
    )
    sets = {name: Portion[tuple[Key, ExampleT]]() for name in files}
    for (name, _, _), portion in zip(located, portions, strict=True):
        sets[name].add(portion)
    rejected = [fault for portion in sets.values() for fault in portion.faults]
    _write_rejects(rejects, rejected)
    raise_faults([f for portion in sets.values() for f in _too_many(portion, data)], rejects)
    if rejected:
        _LOGGER.warning("%d bad rows are left out: %s names them", len(rejected), rejects)
    return _split(data, {name: portion.examples for name, portion in sets.items()}, rejected)


def _keyed(
    readers: Mapping[str, RowReader[ExampleT]], data: DataSettings, *, split: bool
) -> Callable[[DataFile], RowReader[tuple[Key, ExampleT]]]:
    """What makes a file's reader, which gives each example with what decides its part."""

    def reader(file: DataFile) -> RowReader[tuple[Key, ExampleT]]:
        read_row = retyped(readers[file.format], file.types)
        of_row: Callable[[Row], Key] = lambda row: _UNSPLIT  # noqa: E731
        if split and data.split is not None:
            of_row = key_reader(data.split, data.text)

        def read(row: Row) -> list[tuple[Key, ExampleT]]:
            key = of_row(row)
            return [(key, example) for example in read_row(row)]

        return renamed(read, file.columns)

    return reader


def _read(
    files: Sequence[tuple[Path, RowReader[ExampleT]]], *, through_ray: bool, ray_address: str
) -> list[Portion[ExampleT]]:
    if not through_ray:
        return read_files(files)
    # Only here: its import takes seconds, which small files need not pay.
    from shared.training import ray_reading

    return read_files(
        files,
        part_bytes=ray_reading.PART_BYTES,
        read_parts=partial(ray_reading.read_parts, address=ray_address),
    )


def _megabytes(paths: Sequence[Path]) -> float:
    return sum(path.stat().st_size for path in set(paths) if path.is_file()) / _MEGABYTE


def _too_many(portion: Portion[ExampleT], data: DataSettings) -> list[RowFault]:
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


def _split(
    data: DataSettings,
    sets: Mapping[str, list[tuple[Key, ExampleT]]],
    rejected: list[RowFault],
) -> ReadSets[ExampleT]:
    examples = {name: [example for _, example in found] for name, found in sets.items()}
    train, dev = examples.pop("train"), examples.pop("dev")
    if data.split is None:
        return ReadSets(train, dev, examples, rejected)
    parts = parts_of_keys(data.split, [key for key, _ in sets["train"]])
    by_part: dict[SetPart, list[ExampleT]] = {part: [] for part in SetPart}
    for part, example in zip(parts, train, strict=True):
        by_part[part].append(example)
    test = by_part[SetPart.TEST]
    measured = ({SetPart.TEST.value: test} if test else {}) | examples
    return ReadSets(by_part[SetPart.TRAIN], by_part[SetPart.DEV], measured, rejected)
