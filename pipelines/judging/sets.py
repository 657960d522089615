"""Files and stored lines to exams, for every kind of task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines.judging.exams import (
    ClassExam,
    EmbedExam,
    Exam,
    MultiClassExam,
    ScoreExam,
    SpanExam,
    TagExam,
)
from pipelines.judging.settings import JudgingSettings
from shared.errors import ArtifactError, InputError
from shared.models.bundle import Manifest
from shared.models.tasks import TaskKind
from shared.training.data_settings import DataFile
from shared.training.data_sources import locate_files
from shared.training.examples import Candidates, Example, Question, TaggedExample
from shared.training.formats import (
    EMBEDDING_FORMATS,
    QUESTION_FORMATS,
    SCORING_FORMATS,
    TAGGED_FORMATS,
    Format,
    labelled_formats,
    multi_labelled_formats,
)
from shared.training.multi_label import MultiLabelled
from shared.training.reading import read_rows, renamed

AnyExample = Example | MultiLabelled | TaggedExample | Question | Candidates


@dataclass(frozen=True, slots=True)
class Subject:
    """What kind of examples a task has."""

    kind: TaskKind
    multi_label: bool = False

    @classmethod
    def of(cls, manifest: Manifest) -> "Subject":
        """The subject of a bundle."""
        return cls(manifest.kind, manifest.multi_label)

    def __str__(self) -> str:
        return f"{self.kind}, several labels" if self.multi_label else str(self.kind)


_TYPES: Mapping[Subject, type[Any]] = {
    Subject(TaskKind.CLASSIFY): Example,
    Subject(TaskKind.CLASSIFY, multi_label=True): MultiLabelled,
    Subject(TaskKind.TAG): TaggedExample,
    Subject(TaskKind.SPAN): Question,
    Subject(TaskKind.SCORE): Candidates,
    Subject(TaskKind.EMBED): Candidates,
}
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
    examples: list[AnyExample] = read_rows(
        [
            (path, renamed(formats[file.format].read, file.columns))
            for file in files
            for path in locate_files(file, settings.data_dir)
        ]
    )
    if not examples:
        raise InputError(f"{data_name(files)}: no row gives an example of its format")
    return tuple(examples)


def data_files(paths: Sequence[str], settings: JudgingSettings) -> list[DataFile]:
    """Files of the settings' format."""
    return [DataFile(path=path, format=settings.format) for path in paths]


def data_name(files: Sequence[DataFile]) -> str:
    """What to call the data of some files in a report."""
    return ", ".join(file.path.rpartition("/")[2] for file in files)


def exam_of(subject: Subject, examples: Sequence[AnyExample]) -> Exam:
    """The exam that examples of a kind make."""
    return _EXAMS[subject](tuple(examples))


def as_lines(subject: Subject, examples: Sequence[AnyExample]) -> bytes:
    """Examples as JSON Lines, which `from_lines` reads whatever file they came from."""
    adapter = TypeAdapter(_TYPES[subject])
    return b"".join(adapter.dump_json(example) + b"\n" for example in examples)


def from_lines(subject: Subject, lines: bytes) -> tuple[AnyExample, ...]:
    """The examples that `as_lines` wrote.

    Raises:
        ArtifactError: they are of another kind or of another version.
    """
    adapter = TypeAdapter(_TYPES[subject])
    try:
        return tuple(adapter.validate_json(line) for line in lines.splitlines())
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]["msg"]
        raise ArtifactError(f"the evaluation set holds no examples of {subject}: {fault}") from None


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
