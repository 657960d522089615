"""Texts in other words: translated into another language and back."""

import re
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from shared.config import Settings
from shared.models.tasks import TaskKind
from shared.training.data.examples import AnyExample
from shared.training.remedies.augment.augmenting import AugmentedRows, augmented
from shared.training.remedies.augment.edits import Edit, Edits, Passage
from shared.training.remedies.augment.translation import Endpoint, LocalModels, Translator
from shared.training.remedies.remedy import Changed, Scope

Language = Annotated[str, Field(min_length=1, max_length=60)]


class BackTranslation(Settings):
    """Copies that were translated from their `language` into `through` and back.

    A translator gives one text always the same translation, so more `copies` of a row than one
    are alike. Labelled stretches that are not found once each in what came back, letter for letter
    and in their order, are lost, and the copy is dropped.

    Source: https://arxiv.org/abs/1511.06709, https://arxiv.org/abs/1904.12848 (section 2.2).
    """

    remedy: Literal["back_translation"]
    translator: Annotated[Endpoint | LocalModels, Field(discriminator="by")]
    language: Language = "English"
    through: Language = "German"
    rows: AugmentedRows = AugmentedRows()

    scope: ClassVar[Scope] = Scope(kinds=frozenset(TaskKind))

    @model_validator(mode="after")
    def _is_another_language(self) -> "BackTranslation":
        if self.language == self.through:
            raise ValueError(f"through: {self.through} is the texts' language: name another")
        return self

    def change(self, examples: Sequence[AnyExample], seed: int) -> Changed:
        """See `OnRows`.

        Raises:
            ArtifactError: a model of the translator cannot be read.
            ConfigError: the environment lacks its key.
            DependencyError: it does not answer.
        """
        translator = self.translator.open(self.language, self.through)
        editor = BackAndForth(translator, self.language, self.through)
        hint = "what came back is the same, or lost something: name another translator or language"
        return augmented(examples, editor, self.rows, seed, remedy=self.remedy, hint=hint)


class BackAndForth:
    """The editor: each different text is translated once."""

    def __init__(self, translator: Translator, language: str, through: str) -> None:
        self._translator = translator
        self._language = language
        self._through = through

    def __call__(
        self, passages: Sequence[Passage], generators: Sequence[np.random.Generator]
    ) -> list[Edits]:
        """See `Editor`."""
        texts = sorted({passage.text for passage in passages})
        there = self._translator.translate(texts, self._language, self._through)
        told = [(text, word) for text, word in zip(texts, there, strict=True) if word is not None]
        back = self._translator.translate([word for _, word in told], self._through, self._language)
        after = {text: word for (text, _), word in zip(told, back, strict=True) if word is not None}
        return [aligned(passage, after.get(passage.text, passage.text)) for passage in passages]


def aligned(passage: Passage, after: str) -> Edits:
    """The edits that make `after` of a passage, around what is protected and found in both.

    What stands as often, in the same order, in both is no part of an edit; all else is.
    """
    edits: list[Edit] = []
    done, reached = 0, 0
    for start, end in [*passage.protected, (len(passage.text), len(passage.text))]:
        is_end = start == end
        place = len(after) if is_end else _found(passage.text, after, start, end, reached)
        if place is None:
            continue
        if passage.text[done:start] != after[reached:place]:
            edits.append(Edit(done, start, after[reached:place]))
        done, reached = end, place + end - start
    return edits


def _found(text: str, after: str, start: int, end: int, reached: int) -> int | None:
    """Where `text[start:end]` stands in `after` from `reached` on, where it stands as often."""
    pattern = re.compile(rf"(?<!\w){re.escape(text[start:end])}(?!\w)")
    if len(pattern.findall(text)) != len(pattern.findall(after)):
        return None
    match = pattern.search(after, reached)
    return match.start() if match else None
