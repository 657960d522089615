"""How the rows of a data file become examples: a name for each way, which a configuration gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

from shared.models.tasks import TaskKind
from shared.training import sentfin
from shared.training.examples import Example, TaggedExample
from shared.training.reading import ExampleT, Row, RowReader, label_cell, text_cell

PLAIN = "plain"
"""The format of a file that names none."""


@dataclass(frozen=True, slots=True)
class Format(Generic[ExampleT]):
    """One way to read rows; `examples` says in the card what comes out."""

    examples: str
    read: RowReader[ExampleT]


def labelled_formats(
    *, text: str = "text", second: str | None = None, label: str = "label"
) -> dict[str, Format[Example]]:
    """What gives texts or pairs with classes; the arguments are the columns of a plain file."""

    def plain(row: Row) -> list[Example]:
        first = text_cell(row, text)
        read = first if second is None else (first, text_cell(row, second))
        return [Example(read, label_cell(row, label))]

    return {
        PLAIN: Format("texts or pairs, and their classes", plain),
        "sentfin-single": Format("headlines with one entity, and its label", sentfin.single),
        "sentfin-targets": Format(
            "headlines in which one entity is marked, see `shared.sentiment.targets`, and what is "
            "said of it",
            sentfin.targets,
        ),
        "sentfin-opposed": Format(
            "the same, of headlines whose entities have different labels", sentfin.opposed_targets
        ),
    }


TAGGED_FORMATS: Mapping[str, Format[TaggedExample]] = {
    "sentfin-names": Format("headlines, and where they name their entities", sentfin.names),
}


def describe(kind: TaskKind, name: str) -> str:
    """What a file of a format gives, for people."""
    formats = TAGGED_FORMATS if kind is TaskKind.TAG else labelled_formats()
    return formats[name].examples


def format_names(kind: TaskKind) -> tuple[str, ...]:
    """The formats that a kind of task can learn from; none where it is not trained."""
    if kind is TaskKind.CLASSIFY:
        return tuple(labelled_formats())
    return tuple(TAGGED_FORMATS) if kind is TaskKind.TAG else ()
