"""Rows of files sent as feedback: in batches, each row stored, there already, or refused."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from services.cli.batches import batches
from services.cli.client import Platform, patiently
from services.cli.shop.answers import FeedbackAnswer
from services.cli.shop.rank import FEEDBACK_PATH
from services.cli.shop.rows import Json, RowKind, check_columns, event_of, known_columns
from shared.errors import InputError, NotFoundError
from shared.ranking.timestamps import EARLIEST_MS
from shared.tabular.cells import values_of
from shared.tabular.rows import BadRow
from shared.tabular.table import Table, open_table

_BATCH_EVENTS = 1000
_BATCH_BYTES = 1024 * 1024


@dataclass
class Counts:
    """What became of a file's rows, each of which counts once.

    An item's row is `unchanged` where it told nothing new, and `older` where the platform had been
    told of its fields later than that. A conflict has an id that is there with other content.
    """

    stored: int = 0
    unchanged: int = 0
    older: int = 0
    repeated: int = 0
    conflicts: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class RowSource:
    """A file of one kind of rows that has what its rows need; see `open_source`."""

    kind: RowKind
    path: Path
    table: Table
    undated_ms: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """An event of a batch, with the row that it came from."""

    number: int
    done: int
    event: Json


def open_source(kind: RowKind, path: Path) -> RowSource:
    """Opens a file and checks its columns; of JSON Lines, those of the first row.

    An item without a time is as the file told it when it was last modified, if that is not ahead of
    the clock: a file that was written later holds.

    Raises:
        InputError: the file or its header cannot be used.
    """
    table = open_table(path, known=known_columns(kind))
    columns = table.columns
    if columns is None:
        first = next((row for row in table.rows() if not isinstance(row, BadRow)), None)
        columns = None if first is None else tuple(first.values)
    if columns is not None:
        check_columns(kind, columns, path, table.description)
    modified_s = min(path.stat().st_mtime, time.time())
    return RowSource(kind, path, table, max(EARLIEST_MS, int(modified_s * 1000)))


@dataclass(frozen=True, slots=True)
class Sending:
    """Where a file's rows go, and where it is said what became of them.

    `refuse` is given the file, the row's number and the reason of each row that came to nothing.
    """

    platform: Platform
    counts: Counts
    refuse: Callable[[Path, int, str], None]
    pause: Callable[[float], None] = time.sleep


def send_rows(source: RowSource, to: Sending, on_done: Callable[[int], None]) -> None:
    """Sends a file's rows in batches; `on_done` is told how much of the file was sent."""
    events = _events(source, to)
    for batch in batches(events, _bytes_of, most=_BATCH_EVENTS, most_bytes=_BATCH_BYTES):
        _send(batch, source.path, to)
        on_done(batch[-1].done)
    on_done(source.table.total)


def _events(source: RowSource, to: Sending) -> Iterator[_Sent]:
    undated: dict[object, int] = {}
    for row in source.table.rows():
        try:
            if isinstance(row, BadRow):
                raise InputError(row.reason)
            event = event_of(source.kind, values_of(source.table, row), source.undated_ms)
            _check_undated(event, source.undated_ms, undated, row.number)
        except InputError as error:
            to.counts.refused += 1
            to.refuse(source.path, row.number, str(error))
        else:
            yield _Sent(row.number, row.done, event)


def _bytes_of(sent: _Sent) -> int:
    return len(orjson.dumps(sent.event))


def _check_undated(event: Json, undated_ms: int, seen: dict[object, int], number: int) -> None:
    """Of two rows of an item without a time, nothing says which one holds."""
    if event["event"] != "item" or event["timestamp"] != undated_ms:
        return
    first = seen.setdefault(event["item"], number)
    if first != number:
        raise InputError(
            f"the item {event['item']!r} stands in row {first} already: keep one, or add a "
            "timestamp to each"
        )


def _send(batch: list[_Sent], path: Path, to: Sending) -> None:
    """Sends a batch; one that is refused is halved, until the row that is at fault is alone."""
    body = [sent.event for sent in batch]
    try:
        answered = patiently(lambda: to.platform.post(FEEDBACK_PATH, body), pause=to.pause)
    except NotFoundError:
        # No row is at fault: nothing answers there at all.
        raise
    except InputError as error:
        if len(batch) == 1:
            to.counts.refused += 1
            to.refuse(path, batch[0].number, str(error))
            return
        middle = len(batch) // 2
        _send(batch[:middle], path, to)
        _send(batch[middle:], path, to)
        return
    answer = FeedbackAnswer.model_validate(answered)
    to.counts.stored += answer.stored - answer.unchanged - answer.older
    to.counts.unchanged += answer.unchanged
    to.counts.older += answer.older
    to.counts.repeated += answer.repeated
    to.counts.conflicts += answer.conflicts
    conflicting = set(answer.conflicting)
    for sent in batch:
        if (event_id := sent.event["id"]) in conflicting:
            to.refuse(path, sent.number, f"the id {event_id!r} is there with other content")
