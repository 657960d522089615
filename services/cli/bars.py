"""The progress bars of commands that send files."""

from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress


def bars(console: Console, *, counts: bool = True) -> "Progress":
    """Bars with what they stand for, how much of it is done (a count, or else a share), and when
    it ends.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    done = MofNCompleteColumn() if counts else TaskProgressColumn()
    name = TextColumn("{task.description}")
    return Progress(name, BarColumn(), done, TimeRemainingColumn(), console=console)
