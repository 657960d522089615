"""What a trained model is worth on the sets of its run: figures, and what it is calibrated by."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.errors import InputError
from shared.metrics.bootstrap import Interval
from shared.models.backbone import Backbone
from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.settings import SetPart
from shared.training.evaluation.names import METRIC_NAMES
from shared.training.loop.workers import Worker
from shared.training.methods.model import TunedModel
from shared.training.settings import RejectionSettings
from shared.training.tasks.classify.rejection import rejecting_label, rejection_shift
from shared.training.tasks.kind import Measurement
from shared.training.tasks.prediction import predict
from shared.training.tasks.training_data import Examples, TrainingData

# Of other sets than these, which may be small or of another kind, they would say little.
_OF_CALIBRATION = ("ece_raw", "ece")
_CALIBRATED = (SetPart.DEV, SetPart.CHOICE, SetPart.GATE)


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of every set that is measured, and what serving decides by.

    `served` is of the set that calibrates, and tells nothing where there is none; `sets` has the
    set that chose the epoch first, unless that was train.
    """

    served: Measurement
    sets: Mapping[str, Measurement] = field(default_factory=dict)

    def metrics(self) -> dict[str, Interval]:
        """All figures by name: dev's, and those of each other set as `<set>.<name>`."""
        return {
            name if set_name == SetPart.DEV else f"{set_name}.{name}": interval
            for set_name, measurement in self.sets.items()
            for name, interval in measurement.metrics.items()
            if name not in _OF_CALIBRATION or set_name in _CALIBRATED
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Of every figure its set, name, value, 95 % interval and number of examples, as texts."""
        return [
            (
                name.rpartition(".")[0] or SetPart.DEV.value,
                METRIC_NAMES[name.rpartition(".")[2]],
                f"{each.value:.4f}",
                f"{each.low:.4f} to {each.high:.4f}",
                f"{each.n:,}",
            )
            for name, each in self.metrics().items()
        ]

    def table(self) -> list[str]:
        """The same as a table in Markdown."""
        heads = ("set", "measure", "value", "95 % confidence interval", "examples")
        lines = ["| " + " | ".join(row) + " |" for row in (heads, *self.rows())]
        return [lines[0], "|---|---|---|---|---|", *lines[1:]]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that has learned, beside the data that it learned from."""

    model: TunedModel
    data: TrainingData
    backbone: Backbone
    tokenizer: TextTokenizer

    def __post_init__(self) -> None:
        self.model.to(self.backbone.device)

    def arrays(self, examples: Examples) -> TokenArrays:
        """One of the data's sets as the model reads it."""
        return self.data.arrays(examples, self.tokenizer)

    def reject(self, rejection: RejectionSettings) -> None:
        """Lets a label mean "none of the others" as often as the calibrating set allows.

        Raises:
            InputError: there is no row to set its threshold on, or not by what was asked for.
        """
        calibrating, label = self.data.calibrating, rejecting_label(rejection, self.data.labels)
        if calibrating is None:
            raise InputError("rejection: no row is left to set its threshold on: give more rows")
        shift = rejection_shift(
            self._outputs(calibrating),
            self.arrays(calibrating).targets,
            label=label,
            least_accuracy=rejection.in_scope_accuracy,
        )
        self.model.shift_output(label, shift)

    def measure(self) -> Measured:
        """Calibrates, then measures the set that chose the epoch and those that decide nothing."""
        data = self.data
        served = Measurement({}, temperature=1.0)
        if data.calibrating is not None:
            served = self._measure(data.calibrating, None)
        named = {} if data.chosen_on == SetPart.TRAIN else {data.chosen_on: data.dev}
        sets = {
            name: served if examples is data.calibrating else self._measure(examples, served)
            for name, examples in {**named, **data.measured}.items()
        }
        return Measured(served, sets)

    def _measure(self, examples: Examples, served: Measurement | None) -> Measurement:
        return self.data.measure(examples, self._outputs(examples), self.tokenizer, served)

    def _outputs(self, examples: Examples) -> Float32s:
        worker = Worker(rank=0, world=1, device=self.backbone.device)
        return predict(self.model, self.arrays(examples), self.backbone.pad_id, worker)
