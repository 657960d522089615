"""How the rows of a data file become examples: a name for each way, which a configuration gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, assert_never

from shared.models.tasks import TaskKind
from shared.training.data import candidates
from shared.training.data.examples import Candidates, Example, Question, TaggedExample
from shared.training.data.reading import ExampleT, Row, RowReader, label_cell, text_cell
from shared.training.tasks.classify.multi_label import MultiLabelled, multi_labelled_reader
from shared.training.tasks.span import squad
from shared.training.tasks.tag import entity_rows, finer, sentfin

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
        "sentfin-unanimous": Format(
            "headlines whose entities have one label in common, and it", sentfin.unanimous
        ),
        "sentfin-targets": Format(
            "headlines in which one entity is marked, see `shared.sentiment.targets`, and what is "
            "said of it",
            sentfin.targets,
        ),
        "sentfin-opposed": Format(
            "the same, of headlines whose entities have different labels", sentfin.opposed_targets
        ),
    }


def multi_labelled_formats(
    *, text: str = "text", second: str | None = None, labels: str = "labels"
) -> dict[str, Format[MultiLabelled]]:
    """What gives texts or pairs with any number of classes each; the arguments are columns."""
    read = multi_labelled_reader(text=text, second=second, labels=labels)
    return {PLAIN: Format("texts or pairs, and the classes of each", read)}


TAGGED_FORMATS: Mapping[str, Format[TaggedExample]] = {
    PLAIN: Format("texts, and the entities in them", entity_rows.plain),
    "sentfin-names": Format("headlines, and where they name their entities", sentfin.names),
    "finer-ord": Format("sentences of news, and the persons, places and firms", finer.sentence),
}


QUESTION_FORMATS: Mapping[str, Format[Question]] = {
    PLAIN: Format("questions to contexts, and their answers in them, if any", squad.question),
}

EMBEDDING_FORMATS: Mapping[str, Format[Candidates]] = {
    PLAIN: Format(
        "queries, a text that answers each, and texts that do not, if any", candidates.listed
    ),
    "squad-pairs": Format("questions, and the contexts that answer them", squad.pairs),
    "bitext-pairs": Format("customers' questions, and the answers", candidates.bitext_pairs),
    "class-names": Format("texts, and the names of their classes", candidates.class_names),
}

SCORING_FORMATS: Mapping[str, Format[Candidates]] = {
    PLAIN: Format("queries, a document that answers each, and ones that do not", candidates.listed),
    "judged": Format("queries with a document each, relevant or not", candidates.judged),
    "squad-judged": Format("questions with a context each, which answers or not", squad.judged),
}


def describe(kind: TaskKind, name: str) -> str:
    """What a file of a format gives, for people."""
    return _formats(kind)[name].examples


def format_names(kind: TaskKind) -> tuple[str, ...]:
    """The formats that a kind of task can learn from."""
    return tuple(_formats(kind))


def _formats(kind: TaskKind) -> Mapping[str, Format[Any]]:
    match kind:
        case TaskKind.CLASSIFY:
            return labelled_formats()
        case TaskKind.TAG:
            return TAGGED_FORMATS
        case TaskKind.SPAN:
            return QUESTION_FORMATS
        case TaskKind.EMBED:
            return EMBEDDING_FORMATS
        case TaskKind.SCORE:
            return SCORING_FORMATS
        case _:
            assert_never(kind)
