"""What the assistant found, and what it says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.support.answers.compose import Composed
from shared.retrieval.confidence import Evidence

AnswerKind = Literal["answer", "suggestions", "clarify", "small_talk", "handoff"]
"""Whether an answer comes from the knowledge base, names pages that may help, asks which of two is
meant, replies to small talk, or hands over."""

HandoffReason = Literal["asked", "no_documents", "language", "no_answer", "low_confidence"]
"""Why a person should take over: the user asked for one, nothing is there to search, the backbone
does not know the question's script, what was found only points elsewhere, or nothing that was found
fits."""


@dataclass(frozen=True, slots=True)
class Intent:
    """The most probable intent of a question."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A document that may help; `passage` is its sentence that fits the question best."""

    document_id: str
    title: str
    passage: str
    score: float


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a confidence was computed from: the evidence for the best passage, the document that it
    is of, and the bundles that gave it (None where no intent was asked, nothing judged).
    """

    evidence: Evidence
    document_id: str
    embed_bundle: str
    intent_bundle: str | None
    judge_bundle: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a turn.

    `composed` is there for an `answer`, `said` for small talk and for who asked for a person,
    `handoff` (the reason) for a hand-off; `suggestions` where nothing is answered, the best first.
    `fits_calibration` is whether the confidence was calibrated with the bundles that answered;
    `grounds` are there where a passage was found that may answer.
    """

    kind: AnswerKind
    confidence: float = 0.0
    composed: Composed | None = None
    suggestions: Sequence[Suggestion] = ()
    said: str | None = None
    handoff: HandoffReason | None = None
    intent: Intent | None = None
    prompt_tokens: int = 0
    fits_calibration: bool = True
    grounds: Grounds | None = None
