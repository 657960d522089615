"""How far a run is: the first worker writes it into the run's folder, the terminal reads it.

A file, not an actor or a queue: it works across processes and machines that share the run's
folder, and costs no process.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from shared.training.loop.checkpoint import EpochScore

_FILE = "progress.json"
_POLL_S = 0.5


class Position(BaseModel, frozen=True, extra="forbid"):
    """Where the loop is; `finished` are the epochs that have been measured."""

    epoch: int
    epochs: int
    seen: int
    examples: int
    loss: float
    tokens_per_s: float
    learning_rate: float = 0.0
    finished: tuple[EpochScore, ...] = ()


Follower = Callable[[Position], None]
"""What is told of a run's position, again and again."""


def write_position(folder: Path, position: Position) -> None:
    """Replaces the position; a rename without a flush, as a lost one is written again soon."""
    aside = folder / f".{_FILE}"
    aside.write_text(position.model_dump_json(), "utf-8")
    aside.replace(folder / _FILE)


def read_position(folder: Path) -> Position | None:
    """The last position written, or None where the loop has not started."""
    try:
        return Position.model_validate_json((folder / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


@contextlib.contextmanager
def followed(folder: Path, *followers: Follower) -> Iterator[None]:
    """Tells the followers of the run's position while the block runs, and once at its end."""
    stop = threading.Event()

    def follow() -> None:
        done = False
        while not done:
            done = stop.wait(_POLL_S)
            if (position := read_position(folder)) is not None:
                for follower in followers:
                    follower(position)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def shown(console: Console, choosing: str = "dev") -> Iterator[Follower]:
    """Yields what shows a run's position on the terminal, and a line for each epoch.

    `choosing` is the name of the set that the epoch is chosen on.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting the workers", total=None)
        printed = 0

        def show(position: Position) -> None:
            nonlocal printed
            _show_position(progress, task, position)
            for score in position.finished[printed:]:
                progress.console.print(_epoch_line(score, position.epochs, choosing))
            printed = len(position.finished)

        yield show


def _show_position(progress: Progress, task: TaskID, position: Position) -> None:
    progress.update(
        task,
        total=position.epochs * position.examples,
        completed=position.epoch * position.examples + position.seen,
        description=(
            f"epoch {min(position.epoch + 1, position.epochs)}/{position.epochs}  "
            f"loss {position.loss:.3f}  {position.tokens_per_s:,.0f} tokens/s"
        ),
    )


def _epoch_line(score: EpochScore, epochs: int, choosing: str) -> str:
    figures = ", ".join(f"{name} {value:.4f}" for name, value in score.metrics.items())
    return (
        f"epoch {score.epoch + 1}/{epochs}: loss {score.train_loss:.3f}, {choosing} {figures}, "
        f"{score.seconds:.0f} s, {score.tokens_per_s:,.0f} tokens/s"
    )
