"""The routes of the questions that were not answered."""

import asyncio
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.support.config import KnowledgeBaseName
from services.support.unanswered.store import UnansweredStore
from shared.http.application import AdminIdentity
from shared.validation.forms import PLAIN
from shared.validation.identifiers import Identifier


class UnansweredAnswer(BaseModel):
    """A question that was not answered, as it stood when it was asked last."""

    id: str
    knowledge_base: str
    question: str
    earlier: list[str] = Field(description="What the user had asked before it, the oldest first.")
    kind: str = Field(description="What was said instead: suggestions, clarify or handoff.")
    reason: str | None = Field(description="Why it was handed over, if it was.")
    confidence: float
    suggestions: list[str] = Field(description="The ids of the documents that were offered.")
    times: int = Field(description="How often it was asked.")
    first_asked_at: float = Field(description="Unix time in seconds.")
    asked_at: float = Field(description="When it was asked last: Unix time in seconds.")


class UnansweredPage(BaseModel):
    """The questions asked most often first; `next` is the next page's `after`, null at the end."""

    questions: list[UnansweredAnswer]
    next: str | None


def add_unanswered(app: FastAPI, store: UnansweredStore) -> None:
    """Adds the routes; customers' words are for admins alone."""

    @app.get("/unanswered", tags=["unanswered"])
    async def page(
        identity: AdminIdentity,
        knowledge_base: Annotated[KnowledgeBaseName | None, Query()] = None,
        after: Annotated[str, PLAIN, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> UnansweredPage:
        """Questions that were not answered: the most often asked first, then the latest."""
        found = await asyncio.to_thread(store.page, identity.tenant, knowledge_base, after, limit)
        questions = [UnansweredAnswer(**asdict(one)) for one in found]
        return UnansweredPage(
            questions=questions, next=found[-1].place if len(found) == limit else None
        )

    @app.delete("/unanswered/{question_id}", tags=["unanswered"], status_code=204)
    async def delete(
        question_id: Annotated[Identifier, Path()], identity: AdminIdentity
    ) -> Response:
        """Deletes a question, such as one that has an article by now."""
        await asyncio.to_thread(store.delete, identity.tenant, question_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)
