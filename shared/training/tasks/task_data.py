"""A run's data and what its epochs are judged by: all that differs from kind to kind of task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, assert_never

from shared.models.tasks import TaskKind
from shared.training.data.examples import NOTHING, TrainingData
from shared.training.data.formats import (
    EMBEDDING_FORMATS,
    QUESTION_FORMATS,
    SCORING_FORMATS,
    TAGGED_FORMATS,
    Format,
    labelled_formats,
    multi_labelled_formats,
)
from shared.training.data.report import AnyExample
from shared.training.data.separation import ExampleT
from shared.training.data.sets import ReadSets, read_sets
from shared.training.data.settings import SetPart
from shared.training.loop.loop import Judge
from shared.training.settings import FinetuneSettings
from shared.training.tasks.classify.classification import check_labelled, judge_classes
from shared.training.tasks.classify.multi_label import check_multi_labelled, judge_labels
from shared.training.tasks.embed.embedding import check_embedding, judge_vectors
from shared.training.tasks.score.scoring import check_scored, judge_scores
from shared.training.tasks.span.spans import check_questions, judge_spans
from shared.training.tasks.tag.tagging import check_tagged, judge_tags

REJECTS = "rejects.csv"
"""The file in `FinetuneSettings.data_folder` that names every bad row."""

_CALIBRATION = SetPart.CALIBRATION.value

Watcher = Callable[[ReadSets[Any]], None]
Check = Callable[[list[ExampleT], list[ExampleT], dict[str, list[ExampleT]]], TrainingData]


def read_data(
    settings: FinetuneSettings,
    watch: Watcher = lambda _: None,
    judged: Sequence[AnyExample] = (),
) -> TrainingData:
    """Reads and checks the sets of a run; `watch` is given them, by name, before the check.

    `judged` is the evaluation set that the task has already, see `read_sets`.

    Raises:
        InputError: a file or a row cannot be used, or the sets cannot be learned from.
    """
    data, choosing = settings.data, settings.data.choosing.value
    read = _Reading(settings, watch, judged)
    match settings.kind:
        case TaskKind.CLASSIFY if settings.multi_label:
            several = multi_labelled_formats(text=data.text, second=data.second, labels=data.labels)
            return read.checked(several, partial(check_multi_labelled, choosing=choosing))
        case TaskKind.CLASSIFY:
            formats = labelled_formats(text=data.text, second=data.second, label=data.label)
            return read.checked(formats, partial(check_labelled, choosing=choosing))
        case TaskKind.TAG:
            return read.checked(TAGGED_FORMATS, partial(check_tagged, choosing=choosing))
        case TaskKind.SPAN:
            silent = settings.unanswerable_accuracy
            check = partial(check_questions, least_silent=silent, choosing=choosing)
            return read.checked(QUESTION_FORMATS, check)
        case TaskKind.EMBED:
            return read.checked(EMBEDDING_FORMATS, partial(check_embedding, choosing=choosing))
        case TaskKind.SCORE:
            scored = partial(check_scored, metric=settings.metric, choosing=choosing)
            return read.checked(SCORING_FORMATS, scored)
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


@dataclass(frozen=True, slots=True)
class _Reading:
    settings: FinetuneSettings
    watch: Watcher
    judged: Sequence[AnyExample]

    def checked(
        self, formats: Mapping[str, Format[ExampleT]], check: Check[ExampleT]
    ) -> TrainingData:
        """Reads the sets and checks them; what four parts lack is said in their names."""
        settings = self.settings
        found = read_sets(
            settings.data,
            {name: each.read for name, each in formats.items()},
            data_dir=settings.data_dir,
            rejects=settings.data_folder / REJECTS,
            ray_address=settings.workers.ray_address,
            judged=self.judged,
        )
        self.watch(found)
        if found.calibration is None:
            return check(found.train, found.dev, found.measured)
        calibration = {_CALIBRATION: found.calibration} if found.calibration else {}
        # Too few rows for a part that chooses: better this than none, and it is said.
        checked = check(found.train, found.dev or found.train, found.measured | calibration)
        measured = dict(checked.measured)
        return replace(
            checked,
            calibration=measured.pop(_CALIBRATION, None),
            measured=measured,
            chosen_on=(SetPart.CHOICE if found.dev else SetPart.TRAIN).value,
            calibrated_on=_CALIBRATION if calibration else NOTHING,
        )
