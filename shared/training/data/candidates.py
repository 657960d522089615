"""Queries with documents that answer them or do not: what is ranked is learned from these.

{"query": "lost my card", "positive": "Block your card", "negatives": ["Order a card"]}
"""

from dataclasses import dataclass, field

from shared.models.tasks import Input
from shared.training.data.examples import OF_TEACHER
from shared.training.data.reading import Row, RowError, column_of, text_cell


@dataclass(frozen=True, slots=True)
class Candidates:
    """A query, and the documents that answer it among those that do not: an `AnyExample`.

    `scores` are the logits that the bundle `teacher` gives to the documents, in their order; None
    where no teacher was asked. Two examples are equal whatever a teacher says of them.
    """

    query: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...] = ()
    scores: tuple[float, ...] | None = field(default=None, compare=False, metadata=OF_TEACHER)
    teacher: str | None = field(default=None, compare=False, metadata=OF_TEACHER)

    @property
    def documents(self) -> tuple[str, ...]:
        """All documents, the positives first."""
        return (*self.positives, *self.negatives)

    def fields(self) -> dict[str, tuple[str, ...]]:
        """The query and its documents."""
        return {"query": (self.query,), "documents": self.documents}

    def inputs(self) -> tuple[Input, ...]:
        """The query and each of its documents."""
        return (self.query, *self.documents)

    def targets(self) -> tuple[str, ...]:
        """None."""
        return ()

    def shared_texts(self) -> tuple[str, ...]:
        """The query and what answers it."""
        return (self.query, *self.positives)


def listed(row: Row) -> list[Candidates]:
    """A query with a `positive`, and with `negatives` or one `negative` if there are some."""
    one, several = column_of(row, "negative"), column_of(row, "negatives")
    negatives = [row[one]] if one else row[several] if several else []
    if not isinstance(negatives, list):
        raise RowError("'negatives' is not a list of texts")
    read = tuple(text_cell({"negatives": text}, "negatives") for text in negatives)
    positive = text_cell(row, "positive")
    if positive in read:
        raise RowError("a text is both 'positive' and among the negatives: remove it from one")
    return [Candidates(text_cell(row, "query"), (positive,), read)]
