"""Fits how probable it is that the best passage answers a question, from questions that were asked.

    python -m pipelines.calibrate --set questions=FILE.jsonl output=var/confidence \\
        embed_bundle=embed@0123456789ab judge_bundle=support-judge@0123456789ab

Each line of FILE is a question: the evidence for its best passage (see
`shared.retrieval.confidence`), whether the knowledge base answers it at all (true where nothing is
said), whether that passage does, and the set that it is of, which is a domain:

    {"set": "faq", "dense": 0.71, "coverage": 0.8, "margin": 0.1, "has_intent": 0, "intent": 0,
     "judge": 1.3, "judge_odds": 0.7, "follow_up": 0, "faq": 0, "faq_dense": 0,
     "answerable": true, "right": true}

A logistic regression of right on the evidence, in which each set weighs the same. The figures are
of sets that were left out one by one. `banyan support calibrate` asks a running platform instead.
"""

import sys
from pathlib import Path

import numpy as np
from pydantic import Field
from rich.console import Console

from pipelines.calibration.calibrating import EvidenceBundles, ThresholdRule, calibrate, publish
from pipelines.calibration.report import print_report
from pipelines.command import CommandLine
from shared.config import Settings
from shared.retrieval.calibrations import (
    SUPPORT_CONFIDENCE,
    CalibrationQuestion,
    open_calibrations,
)
from shared.retrieval.confidence import Evidence
from shared.training.data.reading import Row, RowError, label_cell, read_rows, value_of

FIELDS = Evidence.__slots__


class CalibrateSettings(Settings):
    """The questions, the bundles that gave their evidence, and the folder of calibrations.

    The one that is made becomes the champion of `name` in `output`, which is `confidence` in the
    state folder of a platform that shall take it. Without a `threshold` it is the smallest that
    answers at most `most_wrong` of the answerable questions wrongly and `most_unanswerable` of the
    others; with a `risk`, the smallest that bounds it but with probability `delta`.
    """

    questions: Path
    output: Path
    embed_bundle: str
    intent_bundle: str | None = None
    judge_bundle: str | None = None
    judge_weight: float = Field(0.05, ge=0)
    threshold: float | None = Field(None, gt=0, lt=1)
    risk: float | None = Field(None, gt=0, lt=1)
    delta: float = Field(0.1, gt=0, lt=1)
    most_wrong: float = Field(0.1, ge=0, le=1)
    most_unanswerable: float = Field(0.2, ge=0, le=1)
    name: str = SUPPORT_CONFIDENCE

    @property
    def bundles(self) -> EvidenceBundles:
        """The bundles that gave the evidence."""
        return EvidenceBundles(
            self.embed_bundle, self.intent_bundle, self.judge_bundle, self.judge_weight
        )

    @property
    def rule(self) -> ThresholdRule:
        """How the threshold is chosen."""
        return ThresholdRule(
            self.threshold, self.risk, self.delta, self.most_wrong, self.most_unanswerable
        )


def run(settings: CalibrateSettings, command: str, console: Console) -> int:
    """Reads, fits, prints what was found, and writes."""
    questions = read_rows([(settings.questions, _question)])
    made = calibrate(questions, settings.bundles, settings.rule, command, name=settings.name)
    print_report(console, made)
    bundle = publish(open_calibrations(settings.output), made)
    console.print(f"{bundle.id} serves: {bundle.folder}", markup=False)
    return 0


def _question(row: Row) -> list[CalibrationQuestion]:
    evidence = Evidence(**{name: _number(row, name) for name in FIELDS})
    right = _truth(row, "right")
    answerable = True if value_of(row, "answerable") is None else _truth(row, "answerable")
    return [CalibrationQuestion(label_cell(row, "set"), evidence, answerable, right)]


def _truth(row: Row, column: str) -> bool:
    value = _number(row, column)
    if value not in (0, 1):
        raise RowError(f"{column!r} is {value:g}: expected true or false")
    return value == 1


def _number(row: Row, column: str) -> float:
    value = value_of(row, column)
    if not isinstance(value, int | float) or not np.isfinite(value):
        raise RowError(f"{column!r} is {str(value)[:40]!r}: expected a number")
    return float(value)


main = CommandLine("calibrate", CalibrateSettings, run, __doc__)

if __name__ == "__main__":
    sys.exit(main())
