"""Fits how probable it is that the best passage answers a question, from questions that were asked.

    python -m pipelines.calibrate --set questions=FILE.jsonl output=confidence.json \\
        embed_bundle=embed@0123456789ab

Each line of FILE is a question: the evidence for its best passage (see
`shared.retrieval.confidence`), whether that answers it, and the set that it is of:

    {"set": "faq", "dense": 0.71, "coverage": 0.8, "margin": 0.1, "has_intent": 0, "intent": 0,
     "judge": 1.3, "judge_margin": 0.7, "follow_up": 0, "right": true}

A logistic regression of right on the evidence, in which each set weighs the same. Every other
question of a set fits it, the others give the figures.
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field
from rich.console import Console
from sklearn.linear_model import LogisticRegression

from pipelines.command import CommandLine
from shared.config import Settings
from shared.errors import InputError
from shared.files import write_atomic
from shared.metrics.calibration import Bools, Float64s
from shared.retrieval.confidence import Calibration, Evidence
from shared.training.data.reading import Row, RowError, label_cell, read_rows, value_of

FIELDS = Evidence.__slots__


class CalibrateSettings(Settings):
    """The questions, the bundles that gave their evidence, and the file that is written.

    `threshold` is the probability from which on an answer is given.
    """

    questions: Path
    output: Path
    embed_bundle: str
    intent_bundle: str | None = None
    threshold: float = Field(default=0.4, gt=0, lt=1)
    name: str = "support-confidence"


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions of one set: evidence [q, 8], and whether each best passage was right, bool [q]."""

    name: str
    evidence: Float64s
    right: Bools


def run(settings: CalibrateSettings, command: str, console: Console) -> int:
    """Reads, fits, writes, and prints what was found."""
    calibration = fit(read_questions(settings.questions), settings, command)
    write_calibration(settings.output, calibration)
    console.print_json(calibration.model_dump_json())
    return 0


def read_questions(path: Path) -> list[Asked]:
    """The questions of a file by their sets, in order.

    Raises:
        InputError: the file or a row of it cannot be used.
    """
    sets: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for name, *values in read_rows([(path, _question)]):
        sets[str(name)].append(tuple(float(value) for value in values))
    found = {name: np.array(rows) for name, rows in sets.items()}
    return [Asked(name, rows[:, :-1], rows[:, -1] > 0) for name, rows in found.items()]


def fit(asked: Sequence[Asked], settings: CalibrateSettings, command: str) -> Calibration:
    """The constants from every other question, with their figures on the rest.

    Raises:
        InputError: the best passages of what fits are all right, or all wrong.
    """
    fitting, rest = (
        [Asked(each.name, each.evidence[start::2], each.right[start::2]) for each in asked]
        for start in (0, 1)
    )
    evidence = np.concatenate([each.evidence for each in fitting])
    right = np.concatenate([each.right for each in fitting])
    if right.all() or not right.any():
        raise InputError(
            f"of {len(right)} questions to fit by every best passage is "
            f"{'right' if right.all() else 'wrong'}: give questions of both"
        )
    weights = np.concatenate([np.full(len(e.right), 1 / len(e.right)) for e in fitting])
    model = LogisticRegression(C=100.0, max_iter=1000)
    model.fit(evidence, right, sample_weight=weights * len(right) / weights.sum())
    calibration = Calibration(
        name=settings.name,
        embed_bundle=settings.embed_bundle,
        intent_bundle=settings.intent_bundle,
        weights=dict(zip(FIELDS, (round(float(w), 4) for w in model.coef_[0]), strict=True)),
        intercept=round(float(model.intercept_[0]), 4),
        threshold=settings.threshold,
        command=command,
        figures={},
    )
    figures = {each.name: _figures(calibration, each) for each in rest if len(each.right)}
    return calibration.model_copy(update={"figures": figures})


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Writes the constants as JSON, whole or not at all."""
    write_atomic(path, f"{calibration.model_dump_json(indent=2)}\n".encode())


def _question(row: Row) -> list[tuple[str | float, ...]]:
    numbers = []
    for column in (*FIELDS, "right"):
        value = value_of(row, column)
        if not isinstance(value, int | float) or not np.isfinite(value):
            raise RowError(f"{column!r} is {str(value)[:40]!r}: expected a number")
        numbers.append(float(value))
    if numbers[-1] not in (0, 1):
        raise RowError(f"'right' is {numbers[-1]:g}: expected true or false")
    return [(label_cell(row, "set"), *numbers)]


def _figures(calibration: Calibration, asked: Asked) -> dict[str, float]:
    """Of all questions: answered, answered rightly, right when answered; and the calibration."""
    sure = np.array([calibration.probability(Evidence(*row)) for row in asked.evidence])
    answered = sure >= calibration.threshold
    figures = {
        "questions": float(len(sure)),
        "best_document_right": float(asked.right.mean()),
        "answered": float(answered.mean()),
        "right_of_answered": float(asked.right[answered].mean()) if answered.any() else 0.0,
        "mean_confidence": float(sure.mean()),
        "brier": float(np.mean((sure - asked.right) ** 2)),
    }
    return {name: round(value, 4) for name, value in figures.items()}


main = CommandLine("calibrate", CalibrateSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
