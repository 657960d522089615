"""`banyan recommend load`: files of items and of behaviour become events.

A load may be run again, after Ctrl-C or for a file that has grown: an event is known by its id, and
what is stored already is counted and changes nothing.
"""

from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.bars import bars
from services.cli.options import ApiKey, Url, connected
from shared.errors import InputError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from services.cli.client import Platform
    from services.cli.shop.feedback import Counts, RowSource
    from shared.tabular.rejects import RejectsFile

_EXIT_REFUSED = 1
_EXIT_INTERRUPTED = 130


def load(
    items: Annotated[
        Path | None,
        typer.Option(help="item_id, and title, description, category, price, available, ..."),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="user_id, item_id, timestamp, type; and rating, session, ranking, ..."),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rows go that are refused; by default, beside them.")
    ] = None,
    url: Url = None,
    key: ApiKey = None,
) -> None:
    """Load items and behaviour: CSV, JSON Lines (also gz) or Parquet, a row each.

    Times are ISO 8601 (UTC where they are without time zone), Unix seconds or Unix milliseconds; an
    item without one is of the file's time. An empty cell says nothing: the item keeps what was told
    before. A row with `event` and `id` is an event in the shape of POST /recommend/feedback.
    Loading a file again changes nothing, so a load that was cut is begun again. Ends with code 1 if
    a row is refused.
    """
    with connected(url, key) as platform:
        raise typer.Exit(load_files(platform, items, events, rejects))


def load_files(
    platform: "Platform", items: Path | None, events: Path | None, rejects: Path | None
) -> int:
    """Loads files with progress bars, the items first; returns the exit code.

    Every file is checked before the first row is sent. Rows that cannot be used are written to
    `rejects`, by default beside the first file.

    Raises:
        InputError: a file or its header cannot be used, or none is given.
        PlatformError: the platform does not answer.
    """
    from services.cli.shop.feedback import Counts, open_source
    from services.cli.shop.rows import EVENTS, ITEMS
    from shared.tabular.rejects import RejectsFile

    given = [(ITEMS, items), (EVENTS, events)]
    loads = [(open_source(kind, path), Counts()) for kind, path in given if path is not None]
    if not loads:
        raise InputError("nothing to load: give --items FILE, --events FILE or both")
    console = Console(highlight=False, soft_wrap=True)
    with RejectsFile(_rejects_path(rejects, loads)) as refused:
        was_cut = _send_with_bars(platform, loads, refused, console)
    console.print(_table(loads))
    for source, counts in loads:
        if counts.older:
            console.print(_older(source, counts.older), markup=False)
    if refused.count:
        console.print(f"what was refused, and why: {refused.path}", style="red", markup=False)
    if was_cut:
        console.print("stopped by Ctrl-C: the same command goes on, and stores nothing twice")
        return _EXIT_INTERRUPTED
    return _EXIT_REFUSED if any(each.refused or each.conflicts for _, each in loads) else 0


def _rejects_path(given: Path | None, loads: "list[tuple[RowSource, Counts]]") -> Path:
    paths = [source.path for source, _ in loads]
    if given is None:
        return paths[0].with_name(f"{paths[0].name}.rejects.jsonl")
    if given.exists() and any(given.samefile(path) for path in paths):
        raise InputError(f"--rejects {given} is a file to load: name another")
    return given


def _send_with_bars(
    platform: "Platform",
    loads: "list[tuple[RowSource, Counts]]",
    refused: "RejectsFile",
    console: Console,
) -> bool:
    """Sends all files; returns whether Ctrl-C came first."""
    from services.cli.shop.feedback import Sending, send_rows

    with bars(console, counts=False) as progress:
        for source, counts in loads:
            bar = progress.add_task(source.kind.name, total=source.table.total)

            def advance(done: int, bar: "TaskID" = bar) -> None:
                progress.update(bar, completed=done)

            try:
                send_rows(source, Sending(platform, counts, refused.add), advance)
            except KeyboardInterrupt:
                return True
    return False


def _older(source: "RowSource", count: int) -> str:
    written = datetime.fromtimestamp(source.undated_ms / 1000, UTC).isoformat(" ", "seconds")
    return (
        f"{count} items of {source.path.name} stay as they are: the platform was told of them "
        f"later than the file says. A row without a timestamp is of the file's time, {written}: "
        "give the rows a newer timestamp, or `touch` the file, to let them hold"
    )


def _table(loads: "list[tuple[RowSource, Counts]]") -> Table:
    names = ("stored", "unchanged", "older", "there already", "conflicts", "refused")
    table = Table("file", *names, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for source, counts in loads:
        table.add_row(escape(source.path.name), *map(str, astuple(counts)))
    return table
