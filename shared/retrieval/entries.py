"""Documents as they are indexed: their texts' tokens, and vectors.

Notation of shapes: p passages, d the vectors' width.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from shared.retrieval.dense import Float32s
from shared.retrieval.postings import Tokens
from shared.retrieval.tokens import tokenize
from shared.text.passages import Passage


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as it is indexed; `version` says which state of the document it was made from.

    `labels` are the intents that the document answers; of a `is_faq` one the title is a question
    and the passages are its answer.
    """

    document_id: str
    version: int
    title: str
    labels: tuple[str, ...]
    passages: tuple[Passage, ...]
    is_faq: bool
    title_tokens: Tokens
    passage_tokens: tuple[Tokens, ...]

    @classmethod
    def of(
        cls,
        document_id: str,
        version: int,
        title: str,
        labels: Sequence[str],
        passages: Sequence[Passage],
        *,
        is_faq: bool = False,
    ) -> "Entry":
        """An entry with the tokens of its texts."""
        return cls(
            document_id,
            version,
            title,
            tuple(labels),
            tuple(passages),
            is_faq,
            _interned(tokenize(title)),
            tuple(_interned(tokenize(passage.text)) for passage in passages),
        )

    @property
    def texts(self) -> list[str]:
        """What is embedded of it: its title, then its passages."""
        return [self.title, *(passage.text for passage in self.passages)]


@dataclass(frozen=True, slots=True)
class Embedded:
    """An entry with the vectors of its title [d] (zeros without a title) and passages [p, d]."""

    entry: Entry
    title: Float32s
    passages: Float32s


def with_vectors(entries: Sequence[Entry], vectors: Float32s) -> list[Embedded]:
    """Entries with the vectors [n, d] of all of their `texts`, one entry after another."""
    embedded: list[Embedded] = []
    row = 0
    for entry in entries:
        end = row + 1 + len(entry.passages)
        embedded.append(Embedded(entry, vectors[row], vectors[row + 1 : end]))
        row = end
    return embedded


def _interned(tokens: Tokens) -> Tokens:
    """The same tokens, of which equal ones are one string in memory."""
    return tuple(map(sys.intern, tokens))
