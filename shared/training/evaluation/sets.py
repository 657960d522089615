"""Files to examples, and examples to exams, for every kind of task."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.errors import InputError
from shared.models.tasks import TaskKind
from shared.training.data.formats import (
    EMBEDDING_FORMATS,
    QUESTION_FORMATS,
    SCORING_FORMATS,
    TAGGED_FORMATS,
    Format,
    labelled_formats,
    multi_labelled_formats,
)
from shared.training.data.reading import read_rows, renamed
from shared.training.data.report import AnyExample
from shared.training.data.settings import DataFile
from shared.training.data.sources import locate_files
from shared.training.evaluation.class_exams import ClassExam, MultiClassExam
from shared.training.evaluation.exams import Exam
from shared.training.evaluation.ranked_exams import EmbedExam, ScoreExam
from shared.training.evaluation.settings import JudgingSettings
from shared.training.evaluation.span_exams import SpanExam, TagExam
from shared.training.evaluation.subject import Subject
from shared.training.tasks.tag.entity_rows import retyped

_EXAMS: Mapping[Subject, Callable[[Any], Exam]] = {
    Subject(TaskKind.CLASSIFY): ClassExam,
    Subject(TaskKind.CLASSIFY, multi_label=True): MultiClassExam,
    Subject(TaskKind.TAG): TagExam,
    Subject(TaskKind.SPAN): SpanExam,
    Subject(TaskKind.SCORE): ScoreExam,
    Subject(TaskKind.EMBED): EmbedExam,
}


def read_examples(
    subject: Subject, files: Sequence[DataFile], settings: JudgingSettings
) -> tuple[AnyExample, ...]:
    """The examples of files, each of its own format; the settings name the columns.

    Raises:
        InputError: a file or a row cannot be used, or the kind has no such format.
        DependencyError: a Hugging Face data set cannot be had.
    """
    formats = _formats(subject, settings)
    for file in files:
        if file.format not in formats:
            raise InputError(
                f"format {file.format!r}: {subject} reads {', '.join(formats)}; name one of them"
            )
        if file.types and subject.kind is not TaskKind.TAG:
            raise InputError(f"types: {subject} has no types of entities: leave them out")
    examples: list[AnyExample] = read_rows(
        [
            (path, renamed(retyped(formats[file.format].read, file.types), file.columns))
            for file in files
            for path in locate_files(file, settings.data_dir)
        ]
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


def exam_of(subject: Subject, examples: Sequence[AnyExample]) -> Exam:
    """The exam that examples of a kind make."""
    return _EXAMS[subject](tuple(examples))


def _formats(subject: Subject, settings: JudgingSettings) -> Mapping[str, Format[Any]]:
    text, second = settings.text, settings.second
    if subject.multi_label:
        return multi_labelled_formats(text=text, second=second, labels=settings.labels)
    if subject.kind is TaskKind.CLASSIFY:
        return labelled_formats(text=text, second=second, label=settings.label)
    others: Mapping[TaskKind, Mapping[str, Format[Any]]] = {
        TaskKind.TAG: TAGGED_FORMATS,
        TaskKind.SPAN: QUESTION_FORMATS,
        TaskKind.SCORE: SCORING_FORMATS,
        TaskKind.EMBED: EMBEDDING_FORMATS,
    }
    return others[subject.kind]
