"""A remedy: one entry of a configuration's `remedies`, which says where it acts.

Each is one module beside this one with a settings model, whose field `remedy` is its name and whose
`scope` says what it works for. What it does is one or both of these protocols:

- `OnRows`, before: other rows to learn from.
- `OnObjective`, during: a loss that is added to the objective's. What must be prepared, such as a
  second text for each row, is written beside the run's arrays, so that any worker and any later
  start of the run finds it.

Notation of shapes: n examples of train, r rows, b rows and s columns of a batch, d the encoder's
width, c outputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy.typing as npt
from torch import Tensor

from shared.models.bundle import Method
from shared.models.tasks import TaskKind
from shared.training.data.arrays import Int64s, TokenArrays
from shared.training.data.examples import AnyExample

if TYPE_CHECKING:
    from shared.models.backbone import Backbone
    from shared.models.tokenization import TextTokenizer
    from shared.training.methods.model import TunedModel
    from shared.training.tasks.training_data import TrainingData

Prepared = Mapping[str, npt.NDArray[Any]]
"""What a remedy needs during training, by name; lines belong to the rows of train."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a remedy works for."""

    kinds: frozenset[TaskKind]
    methods: frozenset[Method] = frozenset(Method)


@dataclass(frozen=True, slots=True)
class Changed:
    """The rows of train after a remedy, and what it did in one sentence, for the card."""

    examples: Sequence[AnyExample]
    note: str


@dataclass(frozen=True, slots=True)
class Preparing:
    """What a remedy may look at before training, of one run and seed."""

    data: "TrainingData"
    backbone: "Backbone"
    tokenizer: "TextTokenizer"
    seed: int


@runtime_checkable
class OnRows(Protocol):
    """Changes what is learned from."""

    def change(self, examples: Sequence[AnyExample], seed: int) -> Changed:
        """Other rows of train; the same for the same rows and seed.

        Raises:
            InputError: nothing would change, or a file of the remedy has faults.
        """


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a training step, of one worker, after the model's own pass.

    `outputs` [b, c] (or [b, s, c]) and `vectors`, what the head read of the rows, [b, d] (or
    [b, s, d]), belong to `rows` [b] of `arrays`; `loss` is the objective's sum over them.
    """

    passes: "Passes"
    arrays: TokenArrays
    rows: Int64s
    outputs: Tensor
    vectors: Tensor
    loss: Tensor


class Passes(Protocol):
    """Further passes of a step through the model that is trained."""

    @property
    def model(self) -> "TunedModel":
        """The model itself."""

    def outputs(self, arrays: TokenArrays, rows: Int64s, shift: Tensor | None = None) -> Tensor:
        """The model's outputs for rows of any arrays; `shift` [b, s, d] is added to the embedded
        tokens.
        """

    def loss(self, outputs: Tensor, arrays: TokenArrays, rows: Int64s) -> Tensor:
        """The objective's summed loss of outputs, against the targets of rows."""


class Penalty(Protocol):
    """A loss that is learned beside the objective's, in one worker.

    One that is an `nn.Module` is trained and kept in checkpoints with the model, at the head's
    rate, and is not part of the bundle.
    """

    def total(self, step: Step) -> Tensor:
        """What is added to `step.loss`: a sum over the part's rows, a float32 scalar."""


@runtime_checkable
class OnObjective(Protocol):
    """Changes what is learned."""

    def prepare(self, preparing: Preparing) -> Prepared:
        """What is computed once before training; nothing where nothing is needed."""

    def penalty(self, prepared: Prepared, labels: tuple[str, ...], model: "TunedModel") -> Penalty:
        """The loss at work on a model."""


NOTHING_PREPARED: Prepared = {}
