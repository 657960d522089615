"""Lets a teacher score lists that a student learns from: python -m pipelines.distil --config FILE

    python -m pipelines.distil --set files='{path: lists.jsonl, format: lists}' \\
      teacher=judge-large output=taught.jsonl

Reads rows of the format `lists` (see `pipelines.candidates`) and writes them as JSON Lines with
`scores`, the teacher's logits of the positives and then of the negatives, and `teacher`, the id of
its bundle. What else a row holds stays, but for scores of an earlier teacher. The student learns
from them by `pipelines.finetune` with `optimisation: {objective: lists, teacher_weight: 0.5}`.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson
from pydantic import Field, model_validator
from rich.console import Console

from pipelines.command import CommandLine
from shared.artifacts.aliases import CANDIDATE, CHAMPION
from shared.config import Settings
from shared.files import write_atomic
from shared.models.backbone import Backbone
from shared.models.registry import open_registry
from shared.models.runners import Runners
from shared.models.source import BackboneConfig
from shared.training.data.candidates import Candidates
from shared.training.data.reading import Row, column_of
from shared.training.data.settings import Files, JsonLinesFile
from shared.training.data.sources import read_located
from shared.training.evaluation.bundles import find_bundle
from shared.training.evaluation.settings import BATCH_TOKENS
from shared.training.remedies.distil.teacher import agreement, check_teacher, teacher_scores
from shared.training.tasks.score.rows import LISTS, lists


class DistilSettings(Settings):
    """The lists, who scores them, and where they are written.

    `teacher` is a bundle of kind `score`, by its id or its task's name (the champion, or the
    candidate where there is none), of any method, in the registry. `backbone` is the one that it
    was made for; one of method `full` is its own.
    """

    files: Files
    teacher: str
    output: JsonLinesFile
    backbone: BackboneConfig = BackboneConfig()
    batch_tokens: int = Field(default=BATCH_TOKENS, ge=64, le=1 << 22)
    registry: Path | None = None
    data_dir: Path = Path("../shared/data")
    state_dir: Path = Path("var")

    @model_validator(mode="after")
    def _lists_are_scored(self) -> Self:
        for file in self.files:
            if file.format != LISTS:
                raise ValueError(
                    f"files: {file.path} has the format {file.format}, and a teacher scores "
                    f"{LISTS}: name that format (python -m pipelines.candidates makes such files)"
                )
        return self

    @property
    def registry_root(self) -> Path:
        """The folder of the registry."""
        return self.registry or self.state_dir / "models"


@dataclass(frozen=True, slots=True)
class _Read:
    """A row as it stands in its file, and its list."""

    row: Row
    of: Candidates


def distil(settings: DistilSettings, console: Console) -> None:
    """Reads, scores and writes.

    Raises:
        PlatformError: with the reason and the remedy; nothing is written then.
    """
    read = read_located(settings.files, lambda _: _with_row, settings.data_dir)
    teacher = find_bundle(
        open_registry(settings.registry_root), settings.teacher, CHAMPION, CANDIDATE
    )
    check_teacher(teacher)
    runners = Runners(Backbone.load(settings.backbone))
    runners.load(teacher)
    started_s, examples = time.perf_counter(), [each.of for each in read]
    scores = teacher_scores(runners, teacher, examples, settings.batch_tokens)
    took_s = time.perf_counter() - started_s
    lines = [
        orjson.dumps(_scored(each.row, of_row.tolist(), teacher.id))
        for each, of_row in zip(read, scores, strict=True)
    ]
    write_atomic(settings.output, b"\n".join([*lines, b""]))
    first = agreement(examples, scores)
    told = "" if first is None else f"; it puts a right document first in {first:.1%}"
    console.print(
        f"{teacher.id} scored {sum(map(len, scores)):,} documents of {len(read):,} lists in "
        f"{took_s:,.0f} s{told}; in {settings.output}",
        markup=False,
    )


def _with_row(row: Row) -> Sequence[_Read]:
    return [_Read(row, each) for each in lists(row)]


def _scored(row: Row, scores: Sequence[float], teacher: str) -> Mapping[str, object]:
    replaced = {column_of(row, name) for name in ("scores", "teacher")}
    kept = {name: value for name, value in row.items() if name not in replaced}
    return kept | {"scores": scores, "teacher": teacher}


def _run(settings: DistilSettings, command: str, console: Console) -> int:
    distil(settings, console)
    return 0


main = CommandLine("distil", DistilSettings, _run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
