"""What bundles are evaluated on: examples of files, or of a task's frozen evaluation set."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from shared.errors import InputError
from shared.models.bundle import Manifest
from shared.training.data.examples import AnyExample, labels_of
from shared.training.data.settings import DataFile
from shared.training.data.sources import read_located
from shared.training.evaluation.settings import JudgingSettings
from shared.training.publish.frozen import Frozen
from shared.training.tasks.kind import Evaluation, Kind


@dataclass(frozen=True)
class EvaluationSet:
    """Examples of one kind, and what reports call them."""

    kind: Kind[Any]
    examples: tuple[AnyExample, ...]
    name: str

    @classmethod
    def of(cls, entry: Frozen, examples: tuple[AnyExample, ...]) -> Self:
        """A task's frozen evaluation set."""
        return cls(entry.task_kind, examples, f"{entry.name} ({entry.sha256[:12]})")

    @cached_property
    def evaluation(self) -> Evaluation:
        """What is asked, and how answers are judged."""
        return self.kind.evaluation(self.examples)

    def unknown_labels(self, manifest: Manifest) -> list[str]:
        """The labels that are true somewhere and that a bundle cannot say, sorted."""
        labels = labels_of(self.examples) if self.kind.labels else frozenset()
        return sorted(labels.difference(manifest.labels))


def read_examples(
    kind: Kind[Any], files: Sequence[DataFile], settings: JudgingSettings
) -> tuple[AnyExample, ...]:
    """The examples of files, each in its format; the settings name the columns.

    Raises:
        InputError: a file or a row cannot be used, or the kind has no such format.
        DependencyError: a Hugging Face data set cannot be had.
    """
    examples: list[AnyExample] = read_located(
        files, lambda file: kind.reader(file, settings), settings.data_dir
    )
    if not examples:
        raise InputError(f"{data_name(files)}: no row gives an example of its format")
    return tuple(examples)


def data_files(paths: Sequence[str], settings: JudgingSettings) -> list[DataFile]:
    """Files of the settings' format and types."""
    return [DataFile(path=path, format=settings.format, types=settings.types) for path in paths]


def data_name(files: Sequence[DataFile]) -> str:
    """What to call the data of some files in a report."""
    return ", ".join(file.path.rpartition("/")[2] for file in files)
