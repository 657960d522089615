"""Small talk: what has no place in a search is answered in kind, by the phrases of a file."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationError

from shared.config import Settings, read_yaml
from shared.errors import ConfigError

DEFAULT_FILE = Path(__file__).with_name("small_talk.yaml")

_MAX_CHARACTERS = 200
_APOSTROPHES = re.compile("['’‘`´]")
_JOINERS = re.compile("[\u200d\ufe0f\U0001f3fb-\U0001f3ff]")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")

_Phrase = Annotated[str, StringConstraints(min_length=1, max_length=_MAX_CHARACTERS)]
_Answer = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class SmallTalkKind(Settings):
    """What is said to any of some phrases."""

    answer: _Answer
    phrases: list[_Phrase] = Field(min_length=1)


class SmallTalkFile(Settings):
    """The file: kinds of small talk, the one that goes before others first, and `fillers`.

    Fillers may stand beside phrases, and are no small talk alone.
    """

    kinds: dict[str, SmallTalkKind]
    fillers: list[_Phrase] = Field(default_factory=list)


class SmallTalk:
    """Knows small talk by its words."""

    def __init__(self, file: SmallTalkFile) -> None:
        self._answers = [kind.answer for kind in file.kinds.values()]
        filler = len(self._answers)
        ranks = {words: filler for words in map(_words, file.fillers) if words}
        for rank, kind in reversed(list(enumerate(file.kinds.values()))):
            ranks |= {words: rank for words in map(_words, kind.phrases) if words}
        self._rank_of: Mapping[tuple[str, ...], int] = ranks
        self._longest = max(map(len, ranks), default=0)

    def reply(self, message: str) -> str | None:
        """What to say to a message; None where it is more than small talk."""
        if len(message) > _MAX_CHARACTERS:
            return None
        words = _words(message)
        # best[n]: the lowest rank of kinds among phrases that make up the first n words exactly.
        best: list[int | None] = [len(self._answers)] + [None] * len(words)
        for end in range(1, len(words) + 1):
            for start in range(max(0, end - self._longest), end):
                before, rank = best[start], self._rank_of.get(words[start:end])
                if before is not None and rank is not None:
                    ranks = (before, rank, len(self._answers) if best[end] is None else best[end])
                    best[end] = min(each for each in ranks if each is not None)
        rank = self._rank_of.get(words, best[-1])
        return self._answers[rank] if rank is not None and rank < len(self._answers) else None


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


def _words(text: str) -> tuple[str, ...]:
    """Words without case, accents, punctuation and lengthening; each pictograph is one."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = _JOINERS.sub("", _APOSTROPHES.sub("", plain))
    spaced = "".join(map(_spaced, plain))
    return tuple(_REPEATED.sub(r"\1", word) for word in spaced.split())


def _spaced(character: str) -> str:
    if character.isalnum():
        return character
    category = unicodedata.category(character)
    if category == "Mn":
        return ""
    return f" {character} " if category == "So" else " "
