"""A kind that no module knows is read, learned, frozen and evaluated through its one entry."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from shared.models.bundle import Manifest
from shared.models.tasks import ClassifyOutput, Float32s, Input, TaskKind, TaskOutput
from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import TokenArrays
from shared.training.data.examples import labels_of
from shared.training.data.formats import PLAIN, Columns, Format
from shared.training.data.reading import Row, label_cell, text_cell
from shared.training.data.tokenisation import tokenise
from shared.training.evaluation.judgement import Judgement, expect, mean
from shared.training.evaluation.sets import EvaluationSet
from shared.training.loop.workers import ALONE, Worker
from shared.training.publish.frozen import freeze, read_frozen
from shared.training.settings import FinetuneSettings
from shared.training.tasks import kinds
from shared.training.tasks.kind import Kind, Measurement
from shared.training.tasks.objective import CrossEntropy, Objective
from shared.training.tasks.training_data import check_data, read_data
from tests.shared.training.data.test_tokenisation import pieces
from tests.shared.training.tasks.test_evaluation import manifest


@dataclass(frozen=True, slots=True)
class Rated:
    text: str
    stars: str

    def fields(self) -> dict[str, tuple[str, ...]]:
        return {"review": (self.text,)}

    def inputs(self) -> tuple[Input, ...]:
        return (self.text,)

    def targets(self) -> tuple[str, ...]:
        return (self.stars,)

    def shared_texts(self) -> tuple[str, ...]:
        return (self.text,)


def rated_formats(columns: Columns) -> Mapping[str, Format[Rated]]:
    def stars(row: Row) -> list[Rated]:
        return [Rated(text_cell(row, columns.text), label_cell(row, "stars"))]

    return {PLAIN: Format("reviews and their stars", stars)}


class RatedLearning:
    """How far the likeliest number of stars is from the true one."""

    def __init__(self, settings: FinetuneSettings) -> None:
        self._settings = settings

    def check(self, sets: Mapping[str, Sequence[Rated]], choosing: str = "dev") -> tuple[str, ...]:
        return tuple(sorted(labels_of(sets["train"])))

    def arrays(
        self, examples: Sequence[Rated], tokenizer: TextTokenizer, labels: tuple[str, ...]
    ) -> TokenArrays:
        stars = [labels.index(example.stars) for example in examples]
        return tokenise(tokenizer, [example.text for example in examples], stars)

    def objective(self, arrays: TokenArrays, labels: tuple[str, ...], worker: Worker) -> Objective:
        return CrossEntropy.of(arrays, len(labels), self._settings.optimisation)

    def judge(
        self, outputs: Float32s, arrays: TokenArrays, labels: tuple[str, ...]
    ) -> dict[str, float]:
        return {"nearness": float(1 - np.abs(outputs.argmax(axis=1) - arrays.targets).mean())}

    def measure(
        self,
        examples: Sequence[Rated],
        outputs: Float32s,
        tokenizer: TextTokenizer,
        labels: tuple[str, ...],
        served: Measurement | None = None,
    ) -> Measurement:
        return Measurement({}, 1.0)


@dataclass(frozen=True)
class RatedEvaluation:
    examples: tuple[Rated, ...]
    queries: ClassVar[None] = None

    @property
    def inputs(self) -> Sequence[Input]:
        return [example.text for example in self.examples]

    def judge(self, output: TaskOutput, manifest: Manifest) -> Judgement:
        found = expect(output, ClassifyOutput)
        said = [found.labels[i] for i in found.probabilities.argmax(axis=1)]
        right = np.array([a == e.stars for a, e in zip(said, self.examples, strict=True)])
        return Judgement("reviews", len(right), {"nearness": mean(right.astype(np.float64))}, 0.0)


RATED = Kind(
    name=TaskKind.CLASSIFY,
    example=Rated,
    formats=rated_formats,
    metrics=("nearness",),
    options=frozenset({"accumulation"}),
    purpose="say how many of {labels} stars a review gives",
    with_models=lambda: (RatedLearning, RatedEvaluation),
    labels="Stars",
)


def test_a_made_up_kind_goes_all_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(kinds._BY_NAME, (TaskKind.CLASSIFY, False), RATED)
    rows = [{"text": f"{'gold ' * (i % 3)}sun {i}", "stars": i % 3 + 1} for i in range(12)]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    data = {"train": str(tmp_path / "rows.jsonl"), "dev": str(tmp_path / "rows.jsonl")}
    settings = FinetuneSettings.model_validate(
        {"task": "stars", "data": data, "state_dir": tmp_path}
    )
    assert settings.metric == "nearness"

    checked = check_data(settings, read_data(settings))
    assert checked.labels == ("1", "2", "3")
    arrays = checked.arrays(checked.train, TextTokenizer(pieces(), 9, token_types=False))
    objective = checked.learning.objective(arrays, checked.labels, ALONE)
    logits = np.eye(3, dtype=np.float32)[arrays.targets]
    assert objective.total(torch.from_numpy(logits), arrays, np.arange(12)) < 12
    assert checked.learning.judge(logits, arrays, checked.labels) == {"nearness": 1.0}

    freeze(tmp_path, "stars", RATED, checked.dev, name="made", at_s=0.0)
    frozen = EvaluationSet.of(*read_frozen(tmp_path, "stars"))
    made_for = manifest(TaskKind.CLASSIFY).model_copy(update={"labels": ("1", "2")})
    assert frozen.examples == tuple(checked.dev)
    assert frozen.unknown_labels(made_for) == ["3"]
    output = ClassifyOutput("b", 1, checked.labels, logits)
    judged = frozen.evaluation.judge(output, made_for)
    assert judged.statistics["nearness"](np.arange(judged.n)) == 1.0
