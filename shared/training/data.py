"""A run's data and what its epochs are judged by: all that differs from kind to kind of task."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from shared.models.tasks import TaskKind
from shared.training.classification import check_labelled, judge_classes
from shared.training.examples import TrainingData
from shared.training.formats import TAGGED_FORMATS, Format, labelled_formats
from shared.training.loop import Judge
from shared.training.reading import ExampleT, RowReader, read_rows
from shared.training.settings import DataFile, FinetuneSettings
from shared.training.tagging import check_tagged, judge_tags


def read_data(settings: FinetuneSettings) -> TrainingData:
    """Reads and checks the sets of a run.

    Raises:
        InputError: a file or a row cannot be used, or the sets cannot be learned from.
        ValueError: the kind is not trained; settings of such a kind are refused before.
    """
    data = settings.data
    if settings.kind is TaskKind.CLASSIFY:
        formats = labelled_formats(text=data.text, second=data.second, label=data.label)
        return check_labelled(*_read(settings, formats))
    if settings.kind is TaskKind.TAG:
        return check_tagged(*_read(settings, TAGGED_FORMATS))
    raise ValueError(f"kind {settings.kind} is not trained")


def judge_of(kind: TaskKind, labels: tuple[str, ...]) -> Judge:
    """The figures that an epoch of a kind of task is judged by."""
    return partial(judge_tags, labels=labels) if kind is TaskKind.TAG else judge_classes


def _read(
    settings: FinetuneSettings, formats: Mapping[str, Format[ExampleT]]
) -> tuple[list[ExampleT], list[ExampleT], dict[str, list[ExampleT]]]:
    """Train, dev and the measured sets."""
    data = settings.data

    def located(files: tuple[DataFile, ...]) -> list[tuple[Path, RowReader[ExampleT]]]:
        return [(settings.path(file), formats[file.format].read) for file in files]

    train, dev = read_rows(located(data.train)), read_rows(located(data.dev))
    measured = {name: read_rows(located(files)) for name, files in data.measured.items()}
    return train, dev, measured
