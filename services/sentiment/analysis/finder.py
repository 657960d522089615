"""Which entities a text is about: those that its sender names, else those that are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.sentiment.analysis.scores import Found
from services.sentiment.news import MAX_ENTITIES, MAX_ENTITY_CHARS
from shared.models.tasks import Span
from shared.sentiment.gazetteer import Gazetteer
from shared.sentiment.words import Stretch, Words, fold, is_readable, longest

SAMPLE = Path(__file__).parents[1] / "sample" / "companies.jsonl"
"""The companies of the sample, which are known where no other file is named."""


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds entities without a model; a text names each of them once, however often it does."""

    gazetteer: Gazetteer

    def named(self, text: str, names: Sequence[str]) -> list[Found]:
        """Where a text mentions the names that its sender gave; those that it does not, too.

        Names that differ in case, Unicode form or spaces alone are one: the known entity of that
        name, or else the first spelling. A name that is known is also found by its other ways of
        writing. Where mentions overlap the longest counts.
        """
        spelt = {fold(name): name for name in reversed(names)}
        entities = [self.gazetteer.own_name(spelt[key]) or spelt[key] for key in map(fold, names)]
        words = Words(text)
        mentions = {name: words.mentions(name) for name in dict.fromkeys(entities)}
        if not all(mentions.values()):
            known = {found.entity: found.stretches for found in self.known(text)}
            mentions = {name: own or list(known.get(name, ())) for name, own in mentions.items()}
        kept = longest(one for stretches in mentions.values() for one in stretches)
        return [
            found_at(text, name, [one for one in stretches if one in kept])
            for name, stretches in mentions.items()
        ]

    def known(self, text: str) -> list[Found]:
        """The known entities that a text mentions, in the order of their first mention."""
        stretches: dict[str, list[Stretch]] = {}
        for span in self.gazetteer.find(text):
            stretches.setdefault(span.entity, []).append((span.start, span.end))
        found = [found_at(text, entity, places) for entity, places in stretches.items()]
        return found[:MAX_ENTITIES]

    def tagged(self, text: str, spans: Sequence[Span]) -> list[Found]:
        """What a tagger found, under the first name that the text gives it."""
        stretches: dict[str, list[Stretch]] = {}
        names: dict[str, str] = {}
        for span in spans:
            name = " ".join(text[span.start : span.end].split())
            if is_readable(name) and len(name) <= MAX_ENTITY_CHARS:
                name = names.setdefault(fold(name), name)
                stretches.setdefault(name, []).append((span.start, span.end))
        found = [found_at(text, name, places) for name, places in stretches.items()]
        return found[:MAX_ENTITIES]


def found_at(text: str, entity: str, stretches: Sequence[Stretch]) -> Found:
    """An entity with the stretches of the text that name it, perhaps none."""
    if not stretches:
        return Found(entity, entity, ())
    start, end = stretches[0]
    return Found(entity, text[start:end], tuple(stretches))
