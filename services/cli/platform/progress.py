"""The lines that a start prints: what was done, when, and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.text import Text


@dataclass(frozen=True)
class Progress:
    """Prints one line a step, with the seconds since the command began and those of the step."""

    out: TextIO
    begun_s: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Prints the line when the block ends well; shows on a terminal that it is under way."""
        step_s = time.monotonic()
        with self._console().status(name):
            yield
        now_s = time.monotonic()
        total, took = now_s - self.begun_s, now_s - step_s
        self.write(f"[dim]{total:6.1f} s  (+{took:.1f})[/dim]  {name}")

    def note(self, text: str) -> None:
        """Prints a plain line between steps."""
        self.write(Text(f"{'':>6}    {text}"))

    def write(self, text: str | Text) -> None:
        """Prints a text, a `str` with rich's markup."""
        self._console().print(text)
        self.out.flush()

    def fail(self, reason: str) -> None:
        """Prints why the command failed."""
        self.write(Text(f"banyan: {reason}", style="red"))

    def _console(self) -> Console:
        return Console(file=self.out, highlight=False, soft_wrap=True)
