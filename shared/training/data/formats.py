"""How the rows of a data file become examples: a name for each way, which a configuration gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from shared.config import Settings
from shared.training.data.reading import ExampleT, RowReader

PLAIN = "plain"
"""The format of a file that names none."""


@dataclass(frozen=True, slots=True)
class Format(Generic[ExampleT]):
    """One way to read rows; `examples` says in the card what comes out."""

    examples: str
    read: RowReader[ExampleT]


class Columns(Settings):
    """The columns of plain files: those of a text, of a pair's `second` text, of a class (`label`),
    and of a list of classes (`labels`).
    """

    text: str = "text"
    second: str | None = None
    label: str = "label"
    labels: str = "labels"


Formats = Callable[[Columns], Mapping[str, Format[ExampleT]]]
