"""The `banyan` object of a chat answer, read as strictly as it is promised."""

from typing import Literal

import pytest
from openai.types.chat import ChatCompletion
from pydantic import BaseModel, ConfigDict


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Citation(_Strict):
    document_id: str
    title: str
    passage: str
    start: int
    end: int
    score: float


class Suggestion(_Strict):
    document_id: str
    title: str
    passage: str
    score: float


class Handoff(_Strict):
    reason: str


class Answer(_Strict):
    kind: Literal["answer", "suggestions", "clarify", "small_talk", "handoff"]
    answered: bool
    confidence: float
    intent: str | None
    intent_probability: float | None
    citations: tuple[Citation, ...]
    suggestions: tuple[Suggestion, ...]
    handoff: Handoff | None
    knowledge_base: str
    calibrated: bool


def assert_alike(one: Answer, other: Answer) -> None:
    """The same answer twice: its figures may be rounded otherwise in another batch."""

    def without_figures(answer: Answer) -> Answer:
        update = {
            "confidence": 0.0,
            "intent_probability": None,
            "citations": tuple(c.model_copy(update={"score": 0.0}) for c in answer.citations),
            "suggestions": tuple(s.model_copy(update={"score": 0.0}) for s in answer.suggestions),
        }
        return answer.model_copy(update=update)

    def figures(answer: Answer) -> list[float]:
        scores = [citation.score for citation in answer.citations]
        offered = [suggestion.score for suggestion in answer.suggestions]
        return [answer.confidence, answer.intent_probability or 0.0, *scores, *offered]

    assert without_figures(one) == without_figures(other)
    assert figures(one) == pytest.approx(figures(other), abs=1e-2)


def answer_of(completion: ChatCompletion) -> Answer:
    """The answer of a completion that was not streamed."""
    extra = completion.choices[0].message.model_extra or {}
    return Answer.model_validate(extra["banyan"])
