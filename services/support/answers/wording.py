"""What the chat says in its own words: the texts of a file, and messages made of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from services.support.answers.answer import Answer, Suggestion
from shared.config import Settings, read_yaml
from shared.errors import ConfigError
from shared.text.language import Language, language_of

DEFAULT_FILE = Path(__file__).with_name("wording.yaml")

_FIRST, _SECOND = "{first}", "{second}"
_PLACE = re.compile(r"\{first\}|\{second\}")
_LISTED = re.compile(r"^([1-9])\. (.+)$", re.MULTILINE)


def _with_places(text: str) -> str:
    for place in (_FIRST, _SECOND):
        if place not in text:
            raise ValueError(f"{place} is missing: a document's title stands there")
    return text


_Said = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


_Word = Annotated[str, StringConstraints(min_length=1, max_length=50)]


class ChoiceWords(Settings):
    """How a user names one of the pages that were offered, beside its number and its title.

    `options[n - 1]` are words for page n; `fillers` may stand beside them and say nothing.
    """

    options: list[list[_Word]] = Field(default_factory=list, max_length=9)
    fillers: list[_Word] = Field(default_factory=list)


class Texts(Settings):
    """The texts of a language, see `wording.yaml`."""

    handoff: _Said
    handoff_language: _Said
    handoff_suggestions: _Said
    suggestions: _Said
    clarify: Annotated[_Said, AfterValidator(_with_places)]
    choices: ChoiceWords = ChoiceWords()

    def introduces_pages(self, text: str) -> bool:
        """Whether a text ends as one does that pages are listed after."""
        if text.endswith((self.suggestions.strip(), self.handoff_suggestions.strip())):
            return True
        *pieces, last = _PLACE.split(self.clarify.strip())
        end = 0
        for piece in pieces:
            if (start := text.find(piece, end)) < 0:
                return False
            end = start + len(piece)
        return text[end:].endswith(last)

    def content(self, answer: Answer) -> str:
        """What an answer says, for clients that show nothing else."""
        if answer.said is not None:
            return answer.said
        if answer.composed is not None:
            return answer.composed.text
        if answer.kind == "clarify":
            first, second, *_ = (suggestion.title for suggestion in answer.suggestions)
            parts = [self.clarify.replace(_FIRST, first).replace(_SECOND, second)]
        elif answer.kind == "suggestions":
            parts = [self.suggestions]
        else:
            parts = [self.handoff_language if answer.handoff == "language" else self.handoff]
            parts += [self.handoff_suggestions] if answer.suggestions else []
        return "\n\n".join([*parts, *_listed(answer.suggestions)])


@dataclass(frozen=True, slots=True)
class Offer:
    """Pages that an earlier answer offered, each `Title: passage` or only a passage, and the words
    that choose one."""

    pages: tuple[str, ...] = ()
    choices: ChoiceWords = field(default_factory=ChoiceWords)


class Wording(Texts):
    """The texts of the first language, and those of others by the language of a question."""

    languages: dict[Language, Texts] = Field(default_factory=dict)

    def of(self, question: str) -> Texts:
        """The texts in which a question is answered: those of its language, or the first ones."""
        language = language_of(question)
        return self if language is None else self.languages.get(language, self)

    def offer(self, content: str) -> Offer:
        """What an earlier answer offers in its numbered lines; nothing if not in these words."""
        found = list(_LISTED.finditer(content))
        head = content[: found[0].start()].rstrip() if found else ""
        texts = next((each for each in self._all if found and each.introduces_pages(head)), None)
        if texts is None:
            return Offer()
        pages: list[str] = []
        for line in found:
            if int(line[1]) == len(pages) + 1:
                pages.append(line[2].strip())
        return Offer(tuple(pages), texts.choices)

    def is_fixed(self, content: str) -> bool:
        """Whether an earlier answer says in these words that nothing was found, or offers pages."""
        without = tuple(
            text.strip() for each in self._all for text in (each.handoff, each.handoff_language)
        )
        return bool(self.offer(content).pages) or content.startswith(without)

    @property
    def _all(self) -> list[Texts]:
        return [self, *self.languages.values()]


def load_wording(path: Path | None = None) -> Wording:
    """Reads a file of texts, by default the one that ships.

    Raises:
        ConfigError: it cannot be read, or has another form; the message names each fault.
    """
    place = path or DEFAULT_FILE
    try:
        return Wording.model_validate(read_yaml(place))
    except ValidationError as error:
        faults = (f"{_dotted(fault['loc'])}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"{place}: {'; '.join(faults)}") from None


def _listed(suggestions: Iterable[Suggestion]) -> list[str]:
    lines = [
        f"{number}. {': '.join(filter(None, (each.title, each.passage)))}"
        for number, each in enumerate(suggestions, start=1)
    ]
    return ["\n".join(lines)] if lines else []


def _dotted(place: Iterable[object]) -> str:
    return ".".join(map(str, place))
