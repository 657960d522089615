"""What the support application answers, as far as it is shown."""

from pydantic import BaseModel


class Citation(BaseModel):
    """What an answer quotes."""

    document_id: str
    title: str
    score: float


class Handoff(BaseModel):
    """Why a person should take over."""

    reason: str


class Findings(BaseModel):
    """The object `banyan` of an answer, as far as it is shown."""

    answered: bool
    kind: str = "answer"
    confidence: float
    intent: str | None = None
    citations: list[Citation] = []
    handoff: Handoff | None = None
