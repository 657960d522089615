"""Small talk: what has no place in a search is answered in kind, by the phrases of a file."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from shared.config import Settings, read_yaml
from shared.errors import ConfigError
from shared.text.language import Language, language_of

DEFAULT_FILE = Path(__file__).with_name("small_talk.yaml")

_MAX_CHARACTERS = 200
_APOSTROPHES = re.compile("['’‘`´]")
_JOINERS = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff]")
_IDEOGRAPH = re.compile("[\u3400-\u9fff]")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")

Words = tuple[str, ...]

_Phrase = Annotated[str, StringConstraints(min_length=1, max_length=_MAX_CHARACTERS)]
_Answer = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
_Cosine = Annotated[float, Field(ge=0, le=1)]


class SmallTalkKind(Settings):
    """What is said to any of some phrases; with `words_alone` not to what only means the same.

    `answers` are said to a message in their language instead.
    """

    answer: _Answer
    answers: dict[Language, _Answer] = Field(default_factory=dict)
    phrases: list[_Phrase] = Field(min_length=1)
    words_alone: bool = False


class Bounds(Settings):
    """How near a message is to small talk at least: the cosine of its vector and a phrase's
    (`likeness`), and how much larger that is than the cosine with the nearest question (`lead`)."""

    likeness: _Cosine
    lead: _Cosine


class Near(Settings):
    """What is near enough: `beside` a phrase that the message begins or ends with, where it has no
    question mark; `alone` otherwise."""

    beside: Bounds = Bounds(likeness=0.4, lead=0.15)
    alone: Bounds = Bounds(likeness=0.6, lead=0.2)


class SmallTalkFile(Settings):
    """The file: kinds of small talk, the one that goes before others first, and `fillers`.

    Fillers may stand beside phrases, and are no small talk alone. Who says a phrase of `person` is
    handed over. Words of `asking` make a message a question, however near it is to a phrase.
    Without `questions`, nearness decides nothing.
    """

    kinds: dict[str, SmallTalkKind]
    fillers: list[_Phrase] = Field(default_factory=list)
    person: SmallTalkKind | None = None
    questions: list[_Phrase] = Field(default_factory=list)
    asking: list[_Phrase] = Field(default_factory=list)
    near: Near = Near()


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said to small talk, or to who wants a person, who is handed over."""

    text: str
    hands_over: bool = False


class SmallTalk:
    """Knows small talk by its words, and what is near to it by bounds."""

    def __init__(self, file: SmallTalkFile) -> None:
        kinds = list(file.kinds.values())
        if file.person is not None:
            kinds.insert(0, file.person)
        self._kinds, self._person = kinds, file.person
        filler = len(kinds)
        ranks = {words: filler for words in map(words_of, file.fillers) if words}
        for rank, kind in reversed(list(enumerate(kinds))):
            ranks |= {words: rank for words in map(words_of, kind.phrases) if words}
        self._rank_of: Mapping[Words, int] = ranks
        self._longest = max(map(len, ranks), default=0)
        self._asking = {word for each in file.asking for word in words_of(each)}
        self._near = file.near
        self.questions: Sequence[str] = tuple(file.questions)
        """What must not be taken for small talk, to be compared with."""
        of_kinds = [kind for kind in kinds if kind is not file.person and not kind.words_alone]
        every = dict.fromkeys(phrase for kind in of_kinds for phrase in kind.phrases)
        self.phrases: Sequence[str] = tuple(each for each in every if len(words_of(each)) > 1)
        """What a message may be near to; a single word is near to too much."""

    def reply(self, message: str) -> Reply | None:
        """What to say to a message by its words alone; None where it is more than small talk."""
        if len(message) > _MAX_CHARACTERS:
            return None
        words = words_of(message)
        # best[n]: the lowest rank of kinds among phrases that make up the first n words exactly.
        best: list[int | None] = [len(self._kinds)] + [None] * len(words)
        for end in range(1, len(words) + 1):
            for start in range(max(0, end - self._longest), end):
                before, rank = best[start], self._rank_of.get(words[start:end])
                if before is not None and rank is not None:
                    ranks = (before, rank, len(self._kinds) if best[end] is None else best[end])
                    best[end] = min(each for each in ranks if each is not None)
        return self._of(self._rank_of.get(words, best[-1]), message)

    def is_talk(self, text: str) -> bool:
        """Whether a text is small talk by its words alone, or a reply to some."""
        return self.reply(text) is not None or any(
            text in (kind.answer, *kind.answers.values()) for kind in self._kinds
        )

    def near_reply(self, message: str, phrase: str, likeness: float, lead: float) -> Reply | None:
        """What to say to a message that is nearest to a phrase; None where that is not enough."""
        words = words_of(message)
        is_question = not self._asking.isdisjoint(words) or any(map(str.isdigit, message))
        if is_question or len(message) > _MAX_CHARACTERS:
            return None
        is_beside = "?" not in message and "？" not in message and self._is_beside(words)
        bounds = [self._near.alone, self._near.beside] if is_beside else [self._near.alone]
        is_near = any(likeness >= each.likeness and lead >= each.lead for each in bounds)
        return self._of(self._rank_of[words_of(phrase)], message) if is_near else None

    def _of(self, rank: int | None, message: str) -> Reply | None:
        if rank is None or rank >= len(self._kinds):
            return None
        kind, language = self._kinds[rank], language_of(message)
        text = kind.answer if language is None else kind.answers.get(language, kind.answer)
        return Reply(text, hands_over=kind is self._person)

    def _is_beside(self, words: Words) -> bool:
        """Whether a message begins with a phrase, or ends with one of several words."""
        return any(
            self._is_kind(words[:count]) or (count > 1 and self._is_kind(words[-count:]))
            for count in range(1, min(len(words), self._longest) + 1)
        )

    def _is_kind(self, words: Words) -> bool:
        rank = self._rank_of.get(words)
        return (
            rank is not None and rank < len(self._kinds) and self._kinds[rank] is not self._person
        )


def load_small_talk(path: Path | None = None) -> SmallTalk:
    """Reads a file of phrases, by default the one that ships.

    Raises:
        ConfigError: it cannot be read, or has another form; the message names each fault.
    """
    place = path or DEFAULT_FILE
    try:
        return SmallTalk(SmallTalkFile.model_validate(read_yaml(place)))
    except ValidationError as error:
        faults = "; ".join(_fault(fault["loc"], fault["msg"]) for fault in error.errors())
        raise ConfigError(f"{place}: {faults}") from None


def _fault(place: Iterable[object], message: str) -> str:
    return f"{'.'.join(map(str, place))}: {message}"


def words_of(text: str) -> Words:
    """Words without case, accents, punctuation and lengthening; each pictograph and each Chinese
    character is one."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = _JOINERS.sub("", _APOSTROPHES.sub("", plain))
    spaced = "".join(map(_spaced, plain))
    return tuple(_REPEATED.sub(r"\1", word) for word in spaced.split())


def _spaced(character: str) -> str:
    if _IDEOGRAPH.match(character):
        return f" {character} "
    if character.isalnum():
        return character
    category = unicodedata.category(character)
    if category == "Mn":
        return ""
    return f" {character} " if category == "So" else " "
