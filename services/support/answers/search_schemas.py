"""What a search takes and gives."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from services.support.answers.chat_schemas import Messages
from services.support.config import KnowledgeBaseName
from services.support.schemas import FILLED
from shared.retrieval.judgement import Judged
from shared.validation.body import RequestBody

QueryText = Annotated[str, StringConstraints(max_length=20_000), FILLED]


class QuerySearch(RequestBody):
    """A search for a text; without `knowledge_base` the default one is searched."""

    query: QueryText
    knowledge_base: KnowledgeBaseName | None = None
    top_k: int = Field(10, ge=1, le=100)


class MessagesSearch(RequestBody):
    """A search for what a user asks last, understood as in a chat."""

    messages: Messages
    knowledge_base: KnowledgeBaseName | None = None
    top_k: int = Field(10, ge=1, le=100)


SearchRequest = QuerySearch | MessagesSearch


class SearchHit(BaseModel):
    """A passage; `score` orders the hits of one search and is not a probability.

    Where a judge read it, `judge` says how well it answers: a logit, 0 is as good as no answer.
    """

    passage_id: str
    document_id: str
    title: str
    text: str
    start: int = Field(description="First character of the passage in the document's text.")
    end: int
    score: float
    judge: float | None

    @classmethod
    def of(cls, judged: Judged) -> "SearchHit":
        """The hit as it is answered."""
        hit = judged.hit
        return cls(
            passage_id=hit.passage_id,
            document_id=hit.entry.document_id,
            title=hit.entry.title,
            text=hit.passage.text,
            start=hit.passage.start,
            end=hit.passage.end,
            score=judged.rank,
            judge=judged.logit,
        )


class SearchResponse(BaseModel):
    """Passages, the best first."""

    knowledge_base: str
    hits: list[SearchHit]
