"""What a model learns from: texts with their classes or their entities, and checked sets of them.

Notation of shapes: u targets of all rows of a set, c a head's outputs.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.metrics.bootstrap import Interval
from shared.models.tasks import Float32s, Input
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays

NOTHING = "nothing"
"""What a model is calibrated on where no row is left for it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text, or a pair of texts, and its class."""

    text: Input
    label: str


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """The characters `[start, end)` of a text that name something, and the type of what."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class TaggedExample:
    """A text and the entities in it, in order of their start, not overlapping."""

    text: str
    entities: tuple[Entity, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a context and its right answers; none where the context does not hold one.

    The first answer is what a model learns; it begins at the context's character `start`.
    """

    text: str
    context: str
    answers: tuple[str, ...] = ()
    start: int = 0


@dataclass(frozen=True, slots=True)
class Candidates:
    """A query, and the documents that answer it among those that do not."""

    query: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...] = ()

    @property
    def documents(self) -> tuple[str, ...]:
        """All documents, the positives first."""
        return (*self.positives, *self.negatives)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model is worth on a set: figures by name, and what calibrates it.

    `no_answer_bias` is added to what a `span` head says of there being no answer.
    """

    metrics: dict[str, Interval]
    temperature: float
    no_answer_bias: float = 0.0


class ExampleSet(Protocol):
    """Examples of one kind: what they are to a tokenizer, and how answers to them are judged.

    `labels` are those of the manifest: classes, or types of entities.
    """

    def __len__(self) -> int:
        """How many examples there are."""

    def canonical(self) -> Iterator[str]:
        """Each example as JSON, by which it is recognised."""

    def arrays(self, tokenizer: TextTokenizer, labels: tuple[str, ...]) -> TokenArrays:
        """Rows with the targets of a head for these labels."""

    def evaluate(
        self,
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        dev: Evaluation | None = None,
    ) -> Evaluation:
        """Measures what `predict` gives for the rows of `arrays`, as serving would answer.

        `dev` is what dev gave before, where this set is another one: what serving decides by, such
        as a threshold, was chosen there.
        """


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Checked sets; `labels` are in the order of the manifest.

    On `dev` the epoch is chosen, and where there is no `calibration` the temperature is fitted on
    it too; `measured` are further sets, by name, that decide nothing. `chosen_on` and
    `calibrated_on` are the names of what does both, the latter `NOTHING` where there is no row.
    """

    train: ExampleSet
    dev: ExampleSet
    labels: tuple[str, ...]
    measured: Mapping[str, ExampleSet] = field(default_factory=dict)
    calibration: ExampleSet | None = None
    chosen_on: str = "dev"
    calibrated_on: str = "dev"

    @property
    def calibrating(self) -> ExampleSet | None:
        """What the temperature is fitted on; None where there is no row for it."""
        if self.calibrated_on == NOTHING:
            return None
        return self.dev if self.calibration is None else self.calibration

    def fingerprint(self) -> str:
        """SHA-256 of all that decides the weights and their calibration, in order: every example
        of train, of dev, and of calibration where it is a set of its own.
        """
        digest = hashlib.sha256()
        parts = [("train", self.train), ("dev", self.dev)]
        if self.calibration is not None:
            parts.append(("calibration", self.calibration))
        for name, examples in parts:
            digest.update(f"{name} {len(examples)}\n".encode())
            for line in examples.canonical():
                digest.update(f"{line}\n".encode())
        return digest.hexdigest()
