"""Rows of SEntFiN: headlines, each with the names in it and what it says of each of them.

    {"text": "Reliance gains while Infosys tumbles",
     "entities": {"Reliance": "positive", "Infosys": "negative"}}

Source: Sinha et al., "SEntFiN 1.0: Entity-aware sentiment analysis for financial news", Journal of
the Association for Information Science and Technology, 2022.
"""

import re

from shared.sentiment.labels import LABELS
from shared.sentiment.targets import find_mentions
from shared.sentiment.words import longest
from shared.training.data.reading import Row, RowError, text_cell
from shared.training.tasks.tag.examples import Entity, TaggedExample

ENTITY = "entity"
"""The one type of what SEntFiN names: companies, indices, commodities, whole sectors."""

# In the published names a replacement of labels went too far: "Holdings" became "neutralings".
_REPLACED = {"neutral": "Hold", "negative": "sell", "positive": "buy"}


def names(row: Row) -> list[TaggedExample]:
    """The headline with the stretches in which it names its entities.

    Every occurrence is marked; of overlapping ones the longest stays.
    """
    text, entities = cells(row)
    found = longest(stretch for name in entities for stretch in find_name(text, name))
    return [TaggedExample(text, tuple(Entity(*stretch, ENTITY) for stretch in sorted(found)))]


def find_name(text: str, name: str) -> list[tuple[int, int]]:
    """Where a headline names an entity, as characters `[start, end)`.

    Raises:
        RowError: it does not name it.
    """
    name = _as_written(text, name)
    stretches = find_mentions(text, name) or _begun(text, name)
    if not stretches:
        raise RowError(f"names {name!r}, which does not stand in its text: correct or remove it")
    return stretches


def _as_written(text: str, name: str) -> str:
    """A name as its headline has it."""
    name = name.strip()
    repaired = [name, *(name.replace(wrong, right) for wrong, right in _REPLACED.items())]
    return next((each for each in repaired if each in text), name)


def _begun(text: str, name: str) -> list[tuple[int, int]]:
    """The words that begin with a name, which the published data cut short ("Sun Pharma|s")."""
    for flags in (re.NOFLAG, re.IGNORECASE):
        found = re.finditer(rf"(?<!\w){re.escape(name)}\w*", text, flags)
        if stretches := [match.span() for match in found]:
            return stretches
    return []


def cells(row: Row) -> tuple[str, dict[str, str]]:
    """The headline, and the label of each name in it.

    Raises:
        RowError: there are none, or a label is none of SEntFiN's.
    """
    text, entities = text_cell(row, "text"), row.get("entities")
    if not isinstance(entities, dict) or not entities:
        raise RowError("'entities' is not an object of names and labels")
    for name, label in entities.items():
        if not name.strip() or label not in LABELS:
            raise RowError(
                f"'entities' says {label!r} of {name!r}: expected a name and {', '.join(LABELS)}"
            )
    return text, entities
