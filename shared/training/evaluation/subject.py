"""What kind of examples a task has, and how these are stored: free of torch and of exams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.errors import ArtifactError
from shared.models.bundle import Manifest
from shared.models.tasks import TaskKind
from shared.training.data.examples import Candidates, Example, Question, TaggedExample
from shared.training.data.report import AnyExample
from shared.training.tasks.classify.multi_label import MultiLabelled
from shared.validation.faults import joined, json_faults_of


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
        faults = joined(json_faults_of(error, lines.partition(b"\n")[0]))
        raise ArtifactError(
            f"the evaluation set holds no examples of {subject}: {faults}"
        ) from None
