"""The lines of a file of names, sentences and behavioural tests: one JSON object each, by `kind`.

`pipelines/fairness/README.md` says what each key means.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

Pronouns = Literal["he", "she"]

PRONOUNS: Mapping[Pronouns, Mapping[str, str]] = {
    "he": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "she": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}
"""What stands in each slot for a pronoun."""

NAME = "name"
_SLOT = re.compile(r"\{([^{}]*)\}")
_SLOTS = {NAME, *(word for slot in PRONOUNS["he"] for word in (slot, slot.capitalize()))}

_MAX_TEXT_CHARACTERS = 10_000


def _without_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = next((value for place, value in enumerate(values) if value in values[:place]), None)
    if repeated is not None:
        raise ValueError(f"{repeated!r} stands twice: keep one")
    return values


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_MAX_TEXT_CHARACTERS)
]
Words = Annotated[tuple[Word, ...], Field(min_length=1), AfterValidator(_without_repeats)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_without_repeats)]
Groups = Annotated[dict[Word, Word], Field(min_length=1)]


class _Line(BaseModel, frozen=True, extra="forbid"):
    pass


class Names(_Line):
    """Given names of one group; `groups` maps each attribute, as `gender`, to the group in it."""

    kind: Literal["names"]
    groups: Groups
    names: Words
    source: Word
    pronouns: Pronouns | None = None


class Template(_Line):
    """A sentence with a slot for a name, and the valence `label` that it states of whomever."""

    kind: Literal["template"]
    template: Word
    text: Text
    label: Word

    @model_validator(mode="after")
    def _slots_are_known(self) -> Self:
        slots = slots_of(self.text)
        unknown = sorted(slots - _SLOTS)
        if unknown or re.search(r"[{}]", _SLOT.sub("", self.text)):
            found = f"{{{unknown[0]}}}" if unknown else "a brace that stands alone"
            known = " ".join(f"{{{slot}}}" for slot in (NAME, *PRONOUNS["he"]))
            raise ValueError(f"text: {found} is not a slot: write one of {known}")
        if NAME not in slots:
            raise ValueError("text: has no slot for a name: write {name} where it belongs")
        return self

    @property
    def has_pronouns(self) -> bool:
        """Whether the sentence can be filled for names with known pronouns alone."""
        return bool(slots_of(self.text) - {NAME})

    def filled(self, name: str, pronouns: Pronouns | None) -> str:
        """The sentence about a person."""
        words = dict(PRONOUNS[pronouns]) if pronouns else {}
        words |= {slot.capitalize(): word.capitalize() for slot, word in words.items()}
        return _SLOT.sub(lambda slot: (words | {NAME: name})[slot[1]], self.text)


class Sentence(_Line):
    """A sentence of a corpus; those of one `template` differ in the person alone."""

    kind: Literal["sentence"]
    template: Word
    text: Text
    groups: Groups
    label: Word | None = None


class Exchange(_Line):
    """Two terms of which one stands for a person of one group, and the other for one of the other.

    The terms are in the order of the groups.
    """

    kind: Literal["exchange"]
    groups: Annotated[tuple[Word, Word], AfterValidator(_without_repeats)]
    terms: Annotated[tuple[Word, Word], AfterValidator(_without_repeats)]
    source: Word


class MinimumFunctionality(_Line):
    """A text that has one of the labels `expected`."""

    kind: Literal["minimum_functionality"]
    capability: Word
    test: Word
    text: Text
    expected: Words


class _Varied(_Line):
    capability: Word
    test: Word
    text: Text
    variants: Texts

    @model_validator(mode="after")
    def _differs(self) -> Self:
        if self.text in self.variants:
            raise ValueError("variants: one of them is the text itself: leave it out")
        return self


class Invariance(_Varied):
    """Texts that have the likeliest label of `text`."""

    kind: Literal["invariance"]


class Direction(_Varied):
    """Texts in which the probability of `label` is another by more than `by` than in `text`."""

    kind: Literal["direction"]
    label: Word
    change: Literal["falls", "rises"]
    by: Annotated[float, Field(ge=-1, lt=1, strict=True)] = 0.0


BehaviouralTest = MinimumFunctionality | Invariance | Direction
AnyLine = Annotated[
    Names | Template | Sentence | Exchange | BehaviouralTest, Field(discriminator="kind")
]


def slots_of(text: str) -> set[str]:
    """The names of the slots in a text."""
    return set(_SLOT.findall(text))
