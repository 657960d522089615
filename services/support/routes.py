"""The routes of the support application."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request
from starlette.responses import Response, StreamingResponse

from services.support.answers import chat
from services.support.answers.answer import Answer
from services.support.answers.chat_schemas import ChatRequest, ChatResponse, Model, ModelList
from services.support.answers.confidence_routes import add_confidence
from services.support.answers.readings import Turn
from services.support.answers.search_schemas import (
    QuerySearch,
    SearchHit,
    SearchRequest,
    SearchResponse,
)
from services.support.config import KnowledgeBaseName
from services.support.documents import KnowledgeBaseRecord
from services.support.schemas import (
    DocumentAnswer,
    DocumentFields,
    DocumentPage,
    KnowledgeBaseAnswer,
    KnowledgeBaseList,
    Rebuilt,
    Written,
)
from services.support.service import SupportService
from services.support.unanswered.routes import add_unanswered
from services.support.unanswered.store import Asked
from services.support.uploads import UPLOAD_BODY, read_upload
from shared.errors import InputError, NotFoundError
from shared.http.application import AdminIdentity, CurrentIdentity, create_app
from shared.text.language import Language
from shared.validation.forms import PLAIN
from shared.validation.identifiers import Identifier

_Name = Annotated[KnowledgeBaseName, Path()]
_Id = Annotated[Identifier, Path()]


def routes(service: SupportService) -> FastAPI:
    """The application over the service; Serve puts it under `/support`."""
    app = create_app(
        "support",
        title="Banyan support",
        settings=service.settings,
        readiness=service.readiness,
        openai_paths=("/v1/",),
    )
    _add_chat(app, service)
    _add_search(app, service)
    _add_knowledge_bases(app, service)
    _add_documents(app, service)
    add_unanswered(app, service.unanswered)
    add_confidence(app, service)
    return app


def _add_chat(app: FastAPI, service: SupportService) -> None:
    default = service.settings.default_knowledge_base

    @app.get("/v1/models", tags=["chat"])
    async def models(identity: CurrentIdentity) -> ModelList:
        """The assistant on the default knowledge base, and on each of the tenant's."""
        records = await service.knowledge_bases.of_tenant(identity.tenant)
        data = [Model(id=chat.MODEL, created=int(service.clock.time()))]
        data += [Model(id=f"{chat.MODEL}:{r.name}", created=int(r.updated_at)) for r in records]
        return ModelList(data=data)

    @app.get("/v1/models/{model:path}", tags=["chat"])
    async def model(
        model: Annotated[str, Path(max_length=200)], identity: CurrentIdentity
    ) -> Model:
        """The assistant on one knowledge base: OpenAI's route."""
        if model == chat.MODEL:
            return Model(id=model, created=int(service.clock.time()))
        name = chat.knowledge_base_of(model, default)
        with _named_by_model():
            record = await service.knowledge_bases.record(identity.tenant, name)
        return Model(id=model, created=int(record.updated_at))

    @app.post("/v1/chat/completions", tags=["chat"], response_model=ChatResponse)
    async def completions(request: ChatRequest, identity: CurrentIdentity) -> Response:
        """Answers from a knowledge base with citations, suggests, or hands off: OpenAI's route."""
        name = chat.knowledge_base_of(request.model, default)
        turn = chat.turn_of(request.messages, service.wording)
        with _named_by_model():
            knowledge_base = await service.knowledge_bases.get(identity.tenant, name)
        answer = await service.assistant.answer(
            knowledge_base, turn, max_tokens=request.max_completion_tokens or request.max_tokens
        )
        if request.store is not False:
            _note_unanswered(service, identity.tenant, knowledge_base.uid, turn, answer)
        whole = chat.response(
            request,
            answer,
            service.wording.of(turn.question),
            knowledge_base=name,
            created_s=service.clock.time(),
        )
        if request.stream:
            events = _each(chat.stream(request, whole))
            return StreamingResponse(events, media_type="text/event-stream")
        return Response(whole.model_dump_json(), media_type="application/json")


def _add_search(app: FastAPI, service: SupportService) -> None:
    @app.post("/search", tags=["search"])
    async def search(request: SearchRequest, identity: CurrentIdentity) -> SearchResponse:
        """The passages that fit a query, or a user's last messages, best: each document once."""
        name = request.knowledge_base or service.settings.default_knowledge_base
        if isinstance(request, QuerySearch):
            turn = Turn((request.query,))
        else:
            turn = chat.turn_of(request.messages, service.wording)
        knowledge_base = await service.knowledge_bases.get(identity.tenant, name)
        found = await service.assistant.search(knowledge_base, turn, request.top_k)
        return SearchResponse(knowledge_base=name, hits=[SearchHit.of(each) for each in found])


def _add_knowledge_bases(app: FastAPI, service: SupportService) -> None:
    bases = service.knowledge_bases

    async def answer(record: KnowledgeBaseRecord) -> KnowledgeBaseAnswer:
        own = asdict(record)
        is_stated = own.pop("language") is not None
        return KnowledgeBaseAnswer(
            **own,
            bundle=await bases.bundle(record),
            language=await bases.language(record),
            language_is_stated=is_stated,
        )

    @app.get("/knowledge-bases", tags=["knowledge bases"])
    async def list_all(identity: CurrentIdentity) -> KnowledgeBaseList:
        """The tenant's knowledge bases."""
        records = await bases.of_tenant(identity.tenant)
        return KnowledgeBaseList(knowledge_bases=[await answer(record) for record in records])

    @app.get("/knowledge-bases/{name}", tags=["knowledge bases"])
    async def get(name: _Name, identity: CurrentIdentity) -> KnowledgeBaseAnswer:
        """One knowledge base."""
        return await answer(await bases.record(identity.tenant, name))

    @app.put("/knowledge-bases/{name}", tags=["knowledge bases"])
    async def create(
        name: _Name,
        identity: AdminIdentity,
        language: Annotated[
            Literal["en", "zh"] | None,
            Query(description="What its documents are in; without it, they tell."),
        ] = None,
    ) -> KnowledgeBaseAnswer:
        """Makes a knowledge base; one that exists stays as it is, but for a stated language.

        Its index is then rebuilt for that language, within `champion_check_s`. State `zh` for
        documents in both: its backbone reads English too.
        """
        await bases.create(identity.tenant, name, Language(language) if language else None)
        return await answer(await bases.record(identity.tenant, name))

    @app.delete("/knowledge-bases/{name}", tags=["knowledge bases"], status_code=204)
    async def drop(
        name: _Name,
        identity: AdminIdentity,
        confirm: Annotated[str, PLAIN, Query(description="The knowledge base's name.")] = "",
    ) -> Response:
        """Deletes a knowledge base with all of its documents, if `confirm` repeats its name."""
        if confirm != name:
            raise InputError(
                f"this deletes the knowledge base {name!r} with all of its documents: say so by "
                f"?confirm={name} at the end of the address",
                param="confirm",
            )
        await bases.drop(identity.tenant, name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.post("/knowledge-bases/{name}/rebuild", tags=["knowledge bases"])
    async def rebuild(name: _Name, identity: AdminIdentity) -> Rebuilt:
        """Embeds every document with the present champion, then swaps the index."""
        knowledge_base = await bases.get(identity.tenant, name)
        index = await knowledge_base.rebuild()
        documents = len(index.entries)
        return Rebuilt(
            knowledge_base=name, version=index.version, bundle=index.bundle, documents=documents
        )


def _add_documents(app: FastAPI, service: SupportService) -> None:
    bases = service.knowledge_bases

    @app.get("/knowledge-bases/{name}/documents", tags=["documents"])
    async def page(
        name: _Name,
        identity: CurrentIdentity,
        after: Annotated[str, PLAIN, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> DocumentPage:
        """Documents in the order of their ids, those after `after`."""
        documents = await bases.page(identity.tenant, name, after, limit)
        following = documents[-1].id if len(documents) == limit else None
        return DocumentPage(documents=documents, next=following)

    @app.post("/knowledge-bases/{name}/documents", tags=["documents"], openapi_extra=UPLOAD_BODY)
    async def upload(name: _Name, identity: AdminIdentity, request: Request) -> Written:
        """Writes many documents, all or none: files, or JSON Lines as the body.

        Files end in `.md`, `.html`, `.txt`, `.pdf`, `.docx`, `.csv` or `.jsonl`. Of a PDF and a
        DOCX the text is stored, as HTML, and is what is read and cited later; scanned and encrypted
        ones are refused. A knowledge base that does not exist is made.
        """
        documents = await read_upload(
            request,
            max_rows=service.settings.max_rows,
            extract_s=service.settings.extract_timeout_s,
        )
        version = await bases.put(identity.tenant, name, documents)
        return Written(knowledge_base=name, version=version, documents=len(documents))

    @app.get(
        "/knowledge-bases/{name}/documents/{document_id:path}",
        tags=["documents"],
        response_model_exclude_none=True,
    )
    async def read(name: _Name, document_id: _Id, identity: CurrentIdentity) -> DocumentAnswer:
        """One document as it was given; of a PDF or DOCX the text, as HTML."""
        return DocumentAnswer.of(await bases.document(identity.tenant, name, document_id))

    @app.put("/knowledge-bases/{name}/documents/{document_id:path}", tags=["documents"])
    async def write(
        name: _Name, document_id: _Id, fields: DocumentFields, identity: AdminIdentity
    ) -> Written:
        """Writes a document in the place of the one with its id, if there is one.

        A knowledge base that does not exist is made.
        """
        version = await bases.put(identity.tenant, name, [fields.document(document_id)])
        return Written(knowledge_base=name, version=version, documents=1)

    @app.delete("/knowledge-bases/{name}/documents/{document_id:path}", tags=["documents"])
    async def delete(name: _Name, document_id: _Id, identity: AdminIdentity) -> Written:
        """Deletes a document."""
        knowledge_base = await bases.get(identity.tenant, name)
        version = await knowledge_base.delete(document_id)
        return Written(knowledge_base=name, version=version, documents=1)


def _note_unanswered(
    service: SupportService, tenant: str, knowledge_base: str, turn: Turn, answer: Answer
) -> None:
    if answer.composed is not None or answer.said is not None:
        return
    service.note_unanswered(
        Asked(
            tenant=tenant,
            knowledge_base=knowledge_base,
            question=turn.question,
            earlier=service.assistant.without_small_talk(turn).earlier,
            kind=answer.kind,
            reason=answer.handoff,
            confidence=answer.confidence,
            suggestions=[each.document_id for each in answer.suggestions],
            asked_at=service.clock.time(),
        )
    )


@contextmanager
def _named_by_model() -> Iterator[None]:
    """Here `model` names the knowledge base: it is what the caller must correct."""
    try:
        yield
    except NotFoundError as error:
        raise NotFoundError(str(error), param="model") from None


async def _each(events: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Without a thread for every event, as a plain iterator would get."""
    for event in events:
        yield event
        await asyncio.sleep(0)
