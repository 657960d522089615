"""The `banyan` object of a chat answer, read as strictly as it is promised."""

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


class Handoff(_Strict):
    reason: str


class Answer(_Strict):
    answered: bool
    confidence: float
    intent: str | None
    intent_probability: float | None
    citations: tuple[Citation, ...]
    handoff: Handoff | None
    knowledge_base: str


def answer_of(completion: ChatCompletion) -> Answer:
    """The answer of a completion that was not streamed."""
    extra = completion.choices[0].message.model_extra or {}
    return Answer.model_validate(extra["banyan"])
