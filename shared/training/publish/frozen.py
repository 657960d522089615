"""Frozen evaluation sets: what candidates and champions of a task are judged on.

    <registry>/evaluations.json                     {"<task>": {"kind", "sha256", "examples", ...}}
    <registry>/<task>/evaluations/<12 hex>.jsonl.gz

A set is named by the SHA-256 of its lines and verified when it is read. It stays until somebody
replaces it on purpose: figures of one year are those of the next. Of the tasks that ship the
entries ship too, and the texts do not: they are made again from the data, and must have the hash.
"""

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from shared.artifacts.manifest import Sha256
from shared.errors import ArtifactError, NotFoundError
from shared.files import write_atomic
from shared.models.bundle import TaskName
from shared.models.registry import SHIPPED
from shared.models.tasks import TaskKind
from shared.training.data.examples import AnyExample, teacher_fields
from shared.training.tasks.kind import Kind
from shared.training.tasks.kinds import kind_of
from shared.validation.faults import joined, json_faults_of

TABLE_FILE = "evaluations.json"
SETS_CONFIG = "pipelines/configs/evaluation_sets.yaml"
_FOLDER = "evaluations"
_NAME_CHARS = 12


class Frozen(BaseModel, frozen=True, extra="forbid"):
    """The entry of a task's evaluation set; `sha256` is that of its lines."""

    kind: TaskKind
    multi_label: bool = False
    sha256: Sha256
    examples: Annotated[int, Field(ge=1)]
    name: str
    licence: str | None = None
    frozen_at: str

    @property
    def task_kind(self) -> Kind[Any]:
        """The kind of the examples that it holds."""
        return kind_of(self.kind, self.multi_label)


_TABLE = TypeAdapter(dict[TaskName, Frozen])
"""The content of `evaluations.json`."""


def freeze(
    root: Path,
    task: str,
    kind: Kind[Any],
    examples: Sequence[AnyExample],
    *,
    name: str,
    licence: str | None = None,
    at_s: float,
) -> Frozen:
    """Stores a set and lets the task's entry name it; an unchanged one keeps its `frozen_at`."""
    lines = as_lines(kind, examples)
    entry = Frozen(
        kind=kind.name,
        multi_label=kind.multi_label,
        sha256=hashlib.sha256(lines).hexdigest(),
        examples=len(examples),
        name=name,
        licence=licence,
        frozen_at=datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds"),
    )
    write_atomic(_file(root, task, entry), gzip.compress(lines, mtime=0))
    table = _read_table(root)
    known = table.get(task)
    if known is not None and entry == known.model_copy(update={"frozen_at": entry.frozen_at}):
        return known
    table[task] = entry
    content = _TABLE.dump_json(dict(sorted(table.items())), indent=2, exclude_none=True)
    write_atomic(root / TABLE_FILE, content + b"\n")
    return entry


def find_frozen(root: Path, task: str) -> Frozen | None:
    """The entry of a task: the registry's own, else the one that ships; None where there is none.

    Raises:
        ArtifactError: a table is malformed.
    """
    return _read_table(root).get(task) or _read_table(SHIPPED).get(task)


def read_frozen(root: Path, task: str) -> tuple[Frozen, tuple[AnyExample, ...]]:
    """A task's evaluation set, verified.

    Raises:
        NotFoundError: the task has none, or one that ships, whose texts were not made here.
        ArtifactError: it is missing or corrupt.
    """
    entry = find_frozen(root, task)
    if entry is None:
        raise NotFoundError(
            f"the task {task[:100]!r} has no frozen evaluation set: `banyan promote BUNDLE "
            "--freeze FILE` stores one, of examples that no training has seen"
        )
    path = _file(root, task, entry)
    if not path.exists() and entry == _read_table(SHIPPED).get(task):
        raise NotFoundError(
            f"the evaluation set of {task} ({entry.name}, {entry.licence}) is named by what ships, "
            "and its texts are not there: with the data in BANYAN_DATA_DIR make it by `python -m "
            f"pipelines.freeze --config {SETS_CONFIG} --set only=[{task}] registry={root}`, or "
            "judge on your own set: `banyan promote BUNDLE --freeze FILE`"
        )
    try:
        lines = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ArtifactError(f"{path} cannot be read: {error}; restore it from a backup") from None
    if hashlib.sha256(lines).hexdigest() != entry.sha256:
        raise ArtifactError(
            f"{path} is not what {TABLE_FILE} says (SHA-256 {entry.sha256[:12]}...): restore it"
        )
    return entry, _from_lines(entry.task_kind, lines)


def as_lines(kind: Kind[Any], examples: Sequence[AnyExample]) -> bytes:
    """Examples as JSON Lines, by which a set is known whatever file they came from.

    What a teacher says of them is left out: it judges nothing.
    """
    adapter = TypeAdapter(kind.example)
    without = teacher_fields(kind.example)
    return b"".join(adapter.dump_json(example, exclude=without) + b"\n" for example in examples)


def _from_lines(kind: Kind[Any], lines: bytes) -> tuple[AnyExample, ...]:
    """The examples that `as_lines` wrote.

    Raises:
        ArtifactError: they are of another kind or of another version.
    """
    adapter = TypeAdapter(kind.example)
    try:
        return tuple(adapter.validate_json(line) for line in lines.splitlines())
    except ValidationError as error:
        faults = joined(json_faults_of(error, lines.partition(b"\n")[0]))
        raise ArtifactError(f"the evaluation set holds no examples of {kind}: {faults}") from None


def _file(root: Path, task: str, entry: Frozen) -> Path:
    return root / task / _FOLDER / f"{entry.sha256[:_NAME_CHARS]}.jsonl.gz"


def _read_table(root: Path) -> dict[str, Frozen]:
    path = root / TABLE_FILE
    try:
        content = path.read_bytes()
        return _TABLE.validate_json(content)
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        faults = joined(json_faults_of(error, content))
        raise ArtifactError(f"{path} is malformed: {faults}; restore it from a backup") from None
