"""What the trunk is asked about texts: their pieces, and the pieces with an entity marked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.sentiment.analysis.finder import Finder
from services.sentiment.analysis.pieces import naming_pieces, pieces, target_inputs
from services.sentiment.analysis.scores import Found
from services.sentiment.analysis.tasks import LanguageTasks, TaskNames, TasksByLanguage
from shared.text.language import Language

NamedEntities = Sequence[Sequence[str] | None]
"""For each text the entities that its sender names; None leaves it to us to find them."""


@dataclass(frozen=True, slots=True)
class Request:
    """Texts to be judged; with `tag`, the tagger reads those where no known entity is found."""

    texts: Sequence[str]
    entities: NamedEntities
    tag: bool


@dataclass(slots=True)
class Inputs:
    """Inputs of one task for several subjects; `owners[i]` and `weights[i]` are of `inputs[i]`."""

    inputs: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    subjects: int = 0

    @property
    def characters(self) -> int:
        """What the trunk has to read."""
        return sum(map(len, self.inputs))

    def add(self, inputs: Sequence[str], weights: Sequence[int]) -> None:
        """Adds a subject with its inputs."""
        self.inputs.extend(inputs)
        self.weights.extend(weights)
        self.owners.extend([self.subjects] * len(inputs))
        self.subjects += 1


@dataclass(frozen=True, slots=True)
class Part:
    """What is asked first about texts that have the same tasks.

    `language` is theirs where these tasks are its own. `places[i]` is where text i stands in the
    request. `found` are the entities known by then, `untagged` the texts (of this part) that are
    tagged. Without a task for entities `entities` repeats pieces of `pieces`.
    """

    language: Language | None
    tasks: TaskNames | LanguageTasks
    places: Sequence[int]
    texts: Sequence[str]
    pieces: Inputs
    entities: Inputs
    found: Sequence[Sequence[Found]]
    untagged: Sequence[int]

    @property
    def characters(self) -> int:
        """What the trunk has to read for it."""
        tagged = sum(len(self.texts[index]) for index in self.untagged)
        entities = self.entities.characters if self.tasks.entity is not None else 0
        return self.pieces.characters + entities + tagged


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked about the texts of a request: the tasks of each language apart."""

    request: Request
    parts: Sequence[Part]

    @property
    def characters(self) -> int:
        """What the trunk has to read."""
        return sum(part.characters for part in self.parts)


def plan(request: Request, finder: Finder, tasks: TasksByLanguage) -> Plan:
    """What has to be asked of the trunk; blocks for a millisecond or so a text."""
    chosen = [tasks.of(text) for text in request.texts]
    languages = dict.fromkeys(language for language, _ in chosen)
    parts = []
    for language in languages:
        places = [place for place, (one, _) in enumerate(chosen) if one == language]
        parts.append(_part(request, places, finder, language, chosen[places[0]][1]))
    return Plan(request, parts)


def entity_inputs(
    texts: Sequence[str], found: Sequence[Sequence[Found]], tasks: TaskNames | LanguageTasks
) -> Inputs:
    """What is asked about the entities found in each text."""
    inputs_of = naming_pieces if tasks.entity is None else target_inputs
    asked = Inputs()
    for text, of_text in zip(texts, found, strict=True):
        for one in of_text:
            asked.add(*inputs_of(text, one))
    return asked


def _part(
    request: Request,
    places: Sequence[int],
    finder: Finder,
    language: Language | None,
    tasks: TaskNames | LanguageTasks,
) -> Part:
    cut_texts = Inputs()
    found: list[list[Found]] = []
    untagged: list[int] = []
    texts = [request.texts[place] for place in places]
    tags = request.tag and tasks.tagger is not None
    for index, (text, names) in enumerate(
        zip(texts, (request.entities[place] for place in places), strict=True)
    ):
        cut = pieces(text)
        cut_texts.add([text[start:end] for start, end in cut], [end - start for start, end in cut])
        of_text = finder.known(text) if names is None else finder.named(text, names)
        found.append(of_text)
        if names is None and not of_text and tags:
            untagged.append(index)
    entities = entity_inputs(texts, found, tasks)
    return Part(language, tasks, places, texts, cut_texts, entities, found, untagged)
