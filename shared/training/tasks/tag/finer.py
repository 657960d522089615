"""Rows of FiNER-ORD: sentences of financial news as tokens, with numbers for their BIO tags.

    {"tokens": ["Reuters", "in", "London"], "tags": ["5", "0", "3"]}

Source: Shah et al., "FiNER-ORD: Financial Named Entity Recognition Open Research Dataset", 2023.
"""

from shared.models.tag import bio_labels
from shared.training.data.reading import Row, RowError
from shared.training.tasks.tag.examples import TaggedExample
from shared.training.tasks.tag.tokens import from_tokens, read_tokens

TYPES = ("PER", "LOC", "ORG")

_TAGS = {str(number): tag for number, tag in enumerate(bio_labels(TYPES))}


def sentence(row: Row) -> list[TaggedExample]:
    """The sentence and its entities; some begin with an I-, as the CoNLL evaluation allows."""
    tokens, tags = read_tokens(row)
    unknown = set(tags).difference(_TAGS)
    if unknown:
        raise RowError(f"'tags' has {min(unknown)[:40]!r}: expected numbers from 0 to 6")
    return [from_tokens(tokens, [_TAGS[tag] for tag in tags])]
