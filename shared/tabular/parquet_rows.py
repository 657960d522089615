"""Rows of Parquet files."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from shared.tabular.headings import HeadingError, clean_headings
from shared.tabular.rows import Limits, Row
from shared.tabular.source import Source, TableError

_BATCH_ROWS = 4096


def find_columns(
    source: Source, known: Collection[str], limits: Limits
) -> tuple[tuple[str, ...], int]:
    """The names of the columns, and the number of rows.

    Raises:
        TableError: it is not a Parquet file, or holds more than is read.
    """
    import pyarrow

    try:
        with _opened(source) as file:
            metadata = file.metadata
            columns = clean_headings(file.schema_arrow.names, known)
            groups = range(metadata.num_row_groups)
            unpacked = sum(int(metadata.row_group(group).total_byte_size) for group in groups)
    except pyarrow.ArrowException as error:
        raise TableError.of(source.name, f"cannot be read as Parquet: {error}") from None
    except HeadingError as error:
        raise TableError.of(source.name, str(error)) from None
    if unpacked > limits.unpacked_bytes:
        most = f"at most {limits.unpacked_bytes:,} are read: give it in parts"
        raise TableError.of(source.name, f"holds {unpacked:,} bytes, {most}")
    return columns, int(metadata.num_rows)


def parquet_rows(
    source: Source,
    columns: tuple[str, ...],
    *,
    start: int = 0,
    stop: int | None = None,
    first: int = 1,
) -> Iterator[Row]:
    """The rows of the row groups `[start, stop)`; `first` is the number of the first row.

    Raises:
        TableError: the file is damaged.
    """
    import pyarrow

    number = first - 1
    try:
        with _opened(source) as file:
            groups = range(start, file.metadata.num_row_groups if stop is None else stop)
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, row_groups=list(groups)):
                for values in _in_microseconds(batch).rename_columns(list(columns)).to_pylist():
                    number += 1
                    yield Row(number, values, number)
    except pyarrow.ArrowException as error:
        raise TableError.of(source.name, f"is damaged after row {number}: {error}") from None


def group_parts(source: Source, part_bytes: int) -> Iterator[tuple[int, int, int]]:
    """The row groups `[start, stop)` of each part, and the number of its first row."""
    with _opened(source) as opened:
        metadata = opened.metadata
        start, row, rows, size = 0, 1, 0, 0
        for group in range(metadata.num_row_groups):
            rows += metadata.row_group(group).num_rows
            size += metadata.row_group(group).total_byte_size
            if size >= part_bytes or group + 1 == metadata.num_row_groups:
                yield start, group + 1, row
                start, row, rows, size = group + 1, row + rows, 0, 0


def _opened(source: Source) -> Any:
    import pyarrow
    import pyarrow.parquet

    content = source.content
    return pyarrow.parquet.ParquetFile(
        content if isinstance(content, Path) else pyarrow.BufferReader(content)
    )


def _in_microseconds(batch: Any) -> Any:
    """Python's times hold no nanoseconds; what lies below a microsecond is cut off."""
    import pyarrow

    schema = batch.schema
    for index, field in enumerate(schema):
        if pyarrow.types.is_timestamp(field.type):
            rounded = field.with_type(pyarrow.timestamp("us", field.type.tz))
            schema = schema.set(index, rounded)
    return batch if schema is batch.schema else batch.cast(schema, safe=False)
