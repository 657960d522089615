"""Calibrations of the confidence by name: artefacts below a root, of which the champion serves.

    <root>/support-confidence/<12 hex>/manifest.json     the constants, see `Calibration`
                                       questions.jsonl   what they were fitted to

A line of the file is a question: its set (a domain), the evidence for its best passage, whether the
knowledge base answers it at all, whether that passage's document is right, and the confidence that
constants fitted without its set give it. No text is kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from shared.artifacts.store import Artifact, Kind, Store
from shared.errors import ArtifactError
from shared.retrieval.confidence import Calibration, Evidence, RiskPoint
from shared.retrieval.fusion import Bools

QUESTIONS_FILE = "questions.jsonl"
SUPPORT_CONFIDENCE = "support-confidence"
"""The name of the confidence of knowledge bases in the first backbone's language."""

Float64s = npt.NDArray[np.float64]

GRID = tuple(round(step * 0.05, 2) for step in range(1, 20))
"""The thresholds of a risk-coverage table."""

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class CalibrationQuestion:
    """A question that calibrates; `held_out` is None until constants are fitted without its set."""

    set: str
    evidence: Evidence
    answerable: bool
    right: bool
    held_out: float | None = None


Calibrations = Store[Calibration]
CalibrationBundle = Artifact[Calibration]


def open_calibrations(root: Path, shipped: Path | None = None) -> Calibrations:
    """The calibrations below `root`, over those that ship."""
    own = shipped is None or root.resolve() == shipped.resolve()
    return Store(root, CALIBRATION, lambda _: None, shipped=None if own else shipped)


def confidence_name(language: str | None) -> str:
    """The name of the confidence of knowledge bases in a further language, or in the first one."""
    return SUPPORT_CONFIDENCE if language is None else f"{SUPPORT_CONFIDENCE}-{language}"


def write_questions(folder: Path, questions: Iterable[CalibrationQuestion]) -> None:
    """Writes the questions of a calibration into its folder."""
    with (folder / QUESTIONS_FILE).open("wb") as file:
        for question in questions:
            evidence = {k: round(v, _DIGITS) for k, v in asdict(question.evidence).items()}
            sure = question.held_out
            line = {
                "set": question.set,
                **evidence,
                "answerable": question.answerable,
                "right": question.right,
                "held_out": None if sure is None else round(sure, _DIGITS),
            }
            file.write(orjson.dumps(line) + b"\n")


def read_questions(bundle: CalibrationBundle) -> list[CalibrationQuestion]:
    """The questions of a calibration.

    Raises:
        ArtifactError: they are not in today's form.
    """
    path = bundle.folder / QUESTIONS_FILE
    try:
        return [_question(orjson.loads(line)) for line in path.read_bytes().splitlines()]
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{path} is not in the form of this version ({error}): make it with `banyan support "
            "calibrate`"
        ) from None


def risk_points(
    questions: Sequence[CalibrationQuestion], thresholds: Sequence[float] = GRID
) -> list[RiskPoint]:
    """What each threshold gives on held-out questions; each domain weighs the same."""
    held = [question for question in questions if question.held_out is not None]
    weights = domain_weights([question.set for question in held])
    confidence = np.array([question.held_out for question in held], np.float64)
    answerable = np.array([question.answerable for question in held], np.bool_)
    right = np.array([question.right for question in held], np.bool_)
    return [
        _risk_point(threshold, confidence >= threshold, answerable, right, weights)
        for threshold in thresholds
    ]


def domain_weights(domains: Sequence[str]) -> Float64s:
    """A weight for each question [q], of mean 1, such that the domains weigh the same."""
    if not domains:
        return np.zeros(0)
    _, inverse, counts = np.unique(domains, return_inverse=True, return_counts=True)
    weights: Float64s = len(domains) / (len(counts) * counts[inverse])
    return weights


def _risk_point(
    threshold: float, answered: Bools, answerable: Bools, right: Bools, weights: Float64s
) -> RiskPoint:
    def share(of: Bools, among: Bools) -> float | None:
        total = float(weights[among].sum())
        return float(round(weights[of & among].sum() / total, _DIGITS)) if total else None

    everything: Bools = np.ones(len(answered), np.bool_)
    return RiskPoint(
        threshold=threshold,
        answered=share(answered, everything),
        right=share(answered & right, answerable),
        wrong=share(answered & ~right, answerable),
        unanswerable=share(answered, ~answerable),
        risk=share(~right, answered),
    )


def _question(line: dict[str, object]) -> CalibrationQuestion:
    evidence = Evidence(**{name: float(str(line[name])) for name in Evidence.__slots__})
    held_out = line["held_out"]
    return CalibrationQuestion(
        set=str(line["set"]),
        evidence=evidence,
        answerable=bool(line["answerable"]),
        right=bool(line["right"]),
        held_out=None if held_out is None else float(str(held_out)),
    )


def _check(folder: Path, manifest: Calibration) -> None:
    if set(manifest.files) != {QUESTIONS_FILE}:
        raise ArtifactError(f"{folder} holds {sorted(manifest.files)}, expected {QUESTIONS_FILE}")


CALIBRATION = Kind(
    noun="calibration",
    owner_noun="confidence",
    owner_form=r"[a-z0-9][a-z0-9-]{0,62}",
    listing="`banyan support calibrate` makes one",
    model=Calibration,
    owner=lambda manifest: manifest.name,
    check=_check,
)
