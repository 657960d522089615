"""How the rows of a data file become examples: a name for each way, which a configuration gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol

from shared.training.data.reading import ExampleT, RowReader

PLAIN = "plain"
"""The format of a file that names none."""


@dataclass(frozen=True, slots=True)
class Format(Generic[ExampleT]):
    """One way to read rows; `examples` says in the card what comes out."""

    examples: str
    read: RowReader[ExampleT]


class Columns(Protocol):
    """The columns of plain files; settings that have these keys are such columns."""

    @property
    def text(self) -> str:
        """That of a text."""

    @property
    def second(self) -> str | None:
        """That of a pair's second text."""

    @property
    def label(self) -> str:
        """That of a class."""

    @property
    def labels(self) -> str:
        """That of a list of classes."""


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """`Columns` that no settings name."""

    text: str = "text"
    second: str | None = None
    label: str = "label"
    labels: str = "labels"


Formats = Callable[[Columns], Mapping[str, Format[ExampleT]]]
