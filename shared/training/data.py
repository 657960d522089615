"""A run's data and what its epochs are judged by: all that differs from kind to kind of task."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, assert_never

from shared.models.tasks import TaskKind
from shared.training.classification import check_labelled, judge_classes
from shared.training.embedding import check_embedding, judge_vectors
from shared.training.examples import TrainingData
from shared.training.formats import (
    EMBEDDING_FORMATS,
    QUESTION_FORMATS,
    SCORING_FORMATS,
    TAGGED_FORMATS,
    Format,
    labelled_formats,
    multi_labelled_formats,
)
from shared.training.loop import Judge
from shared.training.multi_label import check_multi_labelled, judge_labels
from shared.training.reading import ExampleT
from shared.training.scoring import check_scored, judge_scores
from shared.training.sets import ReadSets, read_sets
from shared.training.settings import FinetuneSettings
from shared.training.spans import check_questions, judge_spans
from shared.training.tagging import check_tagged, judge_tags

REJECTS = "rejects.csv"
"""The file in `FinetuneSettings.data_folder` that names every bad row."""

Watcher = Callable[[ReadSets[Any]], None]


def read_data(settings: FinetuneSettings, watch: Watcher = lambda _: None) -> TrainingData:
    """Reads and checks the sets of a run; `watch` is given them, by name, before the check.

    Raises:
        InputError: a file or a row cannot be used, or the sets cannot be learned from.
    """
    data = settings.data
    match settings.kind:
        case TaskKind.CLASSIFY if settings.multi_label:
            several = multi_labelled_formats(text=data.text, second=data.second, labels=data.labels)
            return check_multi_labelled(*_read(settings, several, watch))
        case TaskKind.CLASSIFY:
            formats = labelled_formats(text=data.text, second=data.second, label=data.label)
            return check_labelled(*_read(settings, formats, watch))
        case TaskKind.TAG:
            return check_tagged(*_read(settings, TAGGED_FORMATS, watch))
        case TaskKind.SPAN:
            return check_questions(
                *_read(settings, QUESTION_FORMATS, watch),
                least_silent=settings.unanswerable_accuracy,
            )
        case TaskKind.EMBED:
            return check_embedding(*_read(settings, EMBEDDING_FORMATS, watch))
        case TaskKind.SCORE:
            return check_scored(*_read(settings, SCORING_FORMATS, watch), metric=settings.metric)
        case kind:
            assert_never(kind)


def judge_of(settings: FinetuneSettings, labels: tuple[str, ...]) -> Judge:
    """The figures that an epoch of a run is judged by."""
    match settings.kind:
        case TaskKind.CLASSIFY:
            return judge_labels if settings.multi_label else judge_classes
        case TaskKind.TAG:
            return partial(judge_tags, labels=labels)
        case TaskKind.SPAN:
            return partial(judge_spans, least_silent=settings.unanswerable_accuracy)
        case TaskKind.EMBED:
            return judge_vectors
        case TaskKind.SCORE:
            return judge_scores
        case kind:
            assert_never(kind)


def _read(
    settings: FinetuneSettings, formats: Mapping[str, Format[ExampleT]], watch: Watcher
) -> tuple[list[ExampleT], list[ExampleT], dict[str, list[ExampleT]]]:
    """Train, dev and the measured sets."""
    found = read_sets(
        settings.data,
        {name: each.read for name, each in formats.items()},
        data_dir=settings.data_dir,
        rejects=settings.data_folder / REJECTS,
        ray_address=settings.workers.ray_address,
    )
    watch(found)
    return found.train, found.dev, found.measured
