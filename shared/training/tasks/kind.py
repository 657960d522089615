"""A kind of task: all that reading, training, evaluating and publishing ask of it.

A kind is one folder beside this module, and one entry of `kinds.KINDS`. What needs no model stands
in its `rows` and `kind`; `learning` and `evaluation` import torch and scikit-learn, and are
imported when they are called for, so that a list of tasks starts at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from shared.errors import InputError
from shared.metrics.bootstrap import Interval
from shared.models.tasks import Float32s, Input, TaskKind, TaskOutput
from shared.training.data.examples import AnyExample, ExampleT
from shared.training.data.formats import Columns, Formats
from shared.training.data.reading import Row, RowReader
from shared.training.data.settings import DataFile

if TYPE_CHECKING:
    from shared.models.bundle import Manifest
    from shared.models.tokenization import TextTokenizer
    from shared.training.data.arrays import TokenArrays
    from shared.training.evaluation.judgement import Judgement
    from shared.training.loop.workers import Worker
    from shared.training.settings import FinetuneSettings
    from shared.training.tasks.objective import Objective

LearnedT = TypeVar("LearnedT", bound=AnyExample, contravariant=True)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a model is worth on a set: figures by name, and what calibrates it.

    `no_answer_bias` is added to what a `span` head says of there being no answer.
    """

    metrics: dict[str, Interval]
    temperature: float
    no_answer_bias: float = 0.0


class Learning(Protocol[LearnedT]):
    """How a kind learns under the settings of one run.

    `labels` are those of the manifest: classes, or types of entities.
    """

    def check(
        self, sets: Mapping[str, Sequence[LearnedT]], choosing: str = "dev"
    ) -> tuple[str, ...]:
        """The labels of `train`; `choosing` is the name of the set that chooses the epoch.

        Raises:
            InputError: the sets cannot be learned from; every fault is named.
        """

    def arrays(
        self, examples: Sequence[LearnedT], tokenizer: "TextTokenizer", labels: tuple[str, ...]
    ) -> "TokenArrays":
        """Rows with the targets of a head for these labels."""

    def objective(
        self, arrays: "TokenArrays", labels: tuple[str, ...], worker: "Worker"
    ) -> "Objective":
        """What is learned; `arrays` are the training data."""

    def judge(
        self, outputs: Float32s, arrays: "TokenArrays", labels: tuple[str, ...]
    ) -> dict[str, float]:
        """The figures of one epoch, of what `predict` gives for the rows of `arrays`."""

    def measure(
        self,
        examples: Sequence[LearnedT],
        outputs: Float32s,
        tokenizer: "TextTokenizer",
        labels: tuple[str, ...],
        served: Measurement | None = None,
    ) -> Measurement:
        """Measures what `predict` gives for the rows of `arrays`, as serving would answer.

        `served` is what the set that calibrates gave, where this is another one: what serving
        decides by, such as a threshold, was chosen there.
        """


class Evaluation(Protocol):
    """What bundles are asked, and the truth to judge their answers by."""

    @property
    def inputs(self) -> Sequence[Input]:
        """What a bundle is asked, in order."""

    @property
    def queries(self) -> int | None:
        """How many of the inputs, the first ones, are queries to find the others by; None: all."""

    def judge(self, output: TaskOutput, manifest: "Manifest") -> "Judgement":
        """What a bundle's answers to `inputs` are worth."""


WithModels = tuple[
    Callable[["FinetuneSettings"], Learning[ExampleT]],
    Callable[[tuple[ExampleT, ...]], Evaluation],
]
"""What makes a kind's learning and its evaluation."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[ExampleT]):
    """One kind of task.

    `example` is the dataclass of its examples. `metrics` are the dev figures that may choose the
    epoch: the first does, unless told otherwise. `options` are the settings that not every kind
    has and this one does, see `shared.training.settings`. `purpose` says in the card what a task
    does, with `{labels}` for their number; `labels` is the heading of their list (none: there are
    no labels). `retype` gives an example whose types of entities mean others. The outputs of a
    kind that is `stored` are kept by applications, which compute them again for a new champion.
    `with_models` imports what needs a model.
    """

    name: TaskKind
    example: type[ExampleT]
    formats: Formats[ExampleT]
    metrics: tuple[str, ...]
    options: frozenset[str]
    purpose: str
    with_models: "Callable[[], WithModels[ExampleT]]"
    labels: str | None = None
    multi_label: bool = False
    has_head: bool = True
    stored: bool = False
    retype: Callable[[ExampleT, Mapping[str, str]], ExampleT] | None = None

    def __str__(self) -> str:
        return f"{self.name}, several labels" if self.multi_label else str(self.name)

    def learning(self, settings: "FinetuneSettings") -> Learning[ExampleT]:
        """How it learns under the settings of a run."""
        learning, _ = self.with_models()
        return learning(settings)

    def evaluation(self, examples: tuple[ExampleT, ...]) -> Evaluation:
        """How bundles are evaluated on examples."""
        _, evaluation = self.with_models()
        return evaluation(examples)

    def reader(self, file: DataFile, columns: Columns) -> RowReader[ExampleT]:
        """What reads the rows of a file, its own columns aside.

        Raises:
            InputError: the kind has no such format, or no types of entities.
        """
        formats, retype = self.formats(columns), self.retype
        if file.format not in formats:
            raise InputError(
                f"format {file.format!r}: {self} reads {', '.join(formats)}; name one of them"
            )
        read_row = formats[file.format].read
        if not file.types:
            return read_row
        if retype is None:
            raise InputError(f"types: {self} has no types of entities: leave them out")

        def read(row: Row) -> list[ExampleT]:
            return [retype(example, file.types) for example in read_row(row)]

        return read
