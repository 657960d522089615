"""A run's data: read, checked by its kind, and what its parts are for."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.models.tasks import Float32s
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.examples import AnyExample, canonical
from shared.training.data.sets import ReadSets, read_sets
from shared.training.data.settings import SetPart
from shared.training.settings import FinetuneSettings
from shared.training.tasks.kind import Learning, Measurement

REJECTS = "rejects.csv"
"""The file in `FinetuneSettings.data_folder` that names every bad row."""

NOTHING = "nothing"
"""What a model is calibrated on where no row is left for it."""

Examples = Sequence[AnyExample]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Checked sets, and how they are learned; `labels` are in the order of the manifest.

    On `dev` the epoch is chosen, and where there is no `calibration` the temperature is fitted on
    it too; `measured` are further sets, by name, that decide nothing. `chosen_on` and
    `calibrated_on` are the names of what does both, the latter `NOTHING` where there is no row.
    """

    learning: Learning[Any]
    labels: tuple[str, ...]
    train: Examples
    dev: Examples
    measured: Mapping[str, Examples] = field(default_factory=dict)
    calibration: Examples | None = None
    chosen_on: str = SetPart.DEV.value
    calibrated_on: str = SetPart.DEV.value

    @property
    def calibrating(self) -> Examples | None:
        """What the temperature is fitted on; None where there is no row for it."""
        if self.calibrated_on == NOTHING:
            return None
        return self.dev if self.calibration is None else self.calibration

    def arrays(self, examples: Examples, tokenizer: TextTokenizer) -> TokenArrays:
        """Rows of one of the sets, with the targets of a head for the labels."""
        return self.learning.arrays(examples, tokenizer, self.labels)

    def measure(
        self,
        examples: Examples,
        outputs: Float32s,
        tokenizer: TextTokenizer,
        served: Measurement | None = None,
    ) -> Measurement:
        """Measures what `predict` gives for one of the sets, see `Learning.measure`."""
        return self.learning.measure(examples, outputs, tokenizer, self.labels, served)

    def fingerprint(self) -> str:
        """SHA-256 of all that decides the weights and their calibration, in order: every example
        of train, of dev, and of calibration where it is a separate set.
        """
        digest = hashlib.sha256()
        parts = [("train", self.train), ("dev", self.dev)]
        if self.calibration is not None:
            parts.append(("calibration", self.calibration))
        for name, examples in parts:
            digest.update(f"{name} {len(examples)}\n".encode())
            for line in canonical(examples):
                digest.update(f"{line}\n".encode())
        return digest.hexdigest()


def read_data(settings: FinetuneSettings, judged: Examples = ()) -> ReadSets[AnyExample]:
    """Reads the sets of a run; `judged` is the evaluation set that the task has already.

    Raises:
        InputError: files or too many rows cannot be read; the file of rejects names them.
        DependencyError: a Hugging Face data set cannot be had.
    """
    kind, data = settings.task_kind, settings.data
    return read_sets(
        data,
        lambda file: kind.reader(file, data),
        data_dir=settings.data_dir,
        rejects=settings.data_folder / REJECTS,
        ray_address=settings.workers.ray_address,
        judged=judged,
    )


def check_data(settings: FinetuneSettings, read: ReadSets[AnyExample]) -> TrainingData:
    """The sets as they are learned from; what four parts lack is said in their names.

    Raises:
        InputError: they cannot be learned from; every fault is named.
    """
    learning = settings.task_kind.learning(settings)
    choosing = settings.data.choosing.value
    # Too few rows for a part that chooses: better train than none, and it is said.
    dev = read.dev or read.train if read.calibration is not None else read.dev
    calibration = {SetPart.CALIBRATION.value: read.calibration} if read.calibration else {}
    sets = {"train": read.train, choosing: dev} | read.measured | calibration
    labels = learning.check(sets, choosing)
    if read.calibration is None:
        return TrainingData(learning, labels, read.train, dev, read.measured)
    return TrainingData(
        learning,
        labels,
        read.train,
        dev,
        read.measured,
        read.calibration or None,
        chosen_on=(SetPart.CHOICE if read.dev else SetPart.TRAIN).value,
        calibrated_on=SetPart.CALIBRATION.value if read.calibration else NOTHING,
    )
