"""What the chat says in its own words: the texts of a file, and messages made of them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from services.support.answers.answer import Answer, Suggestion
from shared.config import Settings, read_yaml
from shared.errors import ConfigError

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


class Wording(Settings):
    """The texts, see `wording.yaml`."""

    handoff: _Said
    handoff_language: _Said
    handoff_suggestions: _Said
    suggestions: _Said
    clarify: Annotated[_Said, AfterValidator(_with_places)]
    choices: ChoiceWords = ChoiceWords()

    def offered(self, content: str) -> list[str]:
        """What the numbered lines of an earlier answer say: `Title: passage`, or only a passage.

        Empty where the answer does not offer pages in these words.
        """
        found = list(_LISTED.finditer(content))
        if not found or not self._introduces_pages(content[: found[0].start()].rstrip()):
            return []
        lines: list[str] = []
        for line in found:
            if int(line[1]) == len(lines) + 1:
                lines.append(line[2].strip())
        return lines

    def is_fixed(self, content: str) -> bool:
        """Whether an earlier answer says in these words that nothing was found, or offers pages."""
        return bool(self.offered(content)) or content.startswith(
            (self.handoff.strip(), self.handoff_language.strip())
        )

    def _introduces_pages(self, text: str) -> bool:
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
