"""The routes of the recommendation application."""

import time
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from starlette.responses import Response

from services.recommendation.bodies import feedback_body, read_events
from services.recommendation.incoming import Category, by_name
from services.recommendation.rankings import RankCall
from services.recommendation.schemas import (
    MAX_COUNT,
    FeedbackAnswer,
    RankAnswer,
    RankRequest,
    StreamAnswer,
    rank_answer,
)
from services.recommendation.scorers import DEFAULT_MODEL
from services.recommendation.service import RecommendationService
from shared.http.application import AdminIdentity, CurrentIdentity, add_metrics, create_app
from shared.ranking.filters import Filters
from shared.ranking.query import Query as RankQuery
from shared.validation.identifiers import Identifier

_MS = 1000.0

_Model = Annotated[str, Path(max_length=64)]
_PathId = Annotated[Identifier, Path()]
_Count = Annotated[int, Query(ge=1, le=MAX_COUNT)]
_Category = Annotated[Category | None, Query()]


def routes(service: RecommendationService) -> FastAPI:
    """The application over the service; Serve puts it under `/recommend`."""
    app = create_app(
        "recommendation",
        title="Banyan recommendation",
        settings=service.settings,
        readiness=service.readiness,
    )
    _add_feedback(app, service)
    _add_rank(app, service)
    _add_lists(app, service)
    _add_stream(app, service)
    return app


def _add_feedback(app: FastAPI, service: RecommendationService) -> None:
    settings = service.settings

    @app.post("/feedback", tags=["feedback"], openapi_extra=feedback_body(settings.max_events))
    async def feedback(request: Request, identity: AdminIdentity) -> FeedbackAnswer:
        """Stores events, all or none: one, a list, or JSON Lines as the body.

        What is answered survives a crash, and the next ranking knows of it. An event is known by
        its `id`: sent again it changes nothing. A row that is no event refuses the whole request,
        and the answer names it.
        """
        latest_ms = int((service.clock.time() + settings.max_ahead_s) * _MS)
        events = await read_events(request, max_events=settings.max_events, latest_ms=latest_ms)
        return await service.feedback(identity.tenant, events)


def _add_rank(app: FastAPI, service: RecommendationService) -> None:
    @app.post("/rank/{model}", tags=["rank"], response_model=RankAnswer)
    async def rank(model: _Model, request: RankRequest, identity: CurrentIdentity) -> Response:
        """Ranks the given items, or finds the best ones itself.

        The model `default` always exists. Users and items that are not known are no error.
        """
        begun_s = time.perf_counter()
        time_s = service.clock.time() if request.timestamp is None else request.timestamp / _MS
        query = RankQuery(request.user, request.session, time_s, by_name(request.fields))
        count = request.count
        items = None if request.items is None else [one.id for one in request.items]
        if items is None and count is None:
            count = service.settings.default_count
        call = RankCall(query, items, count, explain=request.explain)
        ranked = await service.rank(identity.tenant, model, call)
        return _json(rank_answer(_since(begun_s), ranked, explain=request.explain))


def _add_lists(app: FastAPI, service: RecommendationService) -> None:
    default_count = service.settings.default_count

    @app.get("/users/{user:path}", tags=["lists"], response_model=RankAnswer)
    async def for_user(
        user: _PathId,
        identity: CurrentIdentity,
        n: _Count = default_count,
        category: _Category = None,
        exclude_seen: bool = True,
        explain: bool = False,
        session: Annotated[Identifier | None, Query()] = None,
    ) -> Response:
        """The best items for a user now; for one who is not known, by popularity."""
        begun_s = time.perf_counter()
        query = RankQuery(user, session, service.clock.time())
        filters = Filters(category=category, exclude_seen=exclude_seen)
        call = RankCall(query, None, n, filters, explain=explain)
        ranked = await service.rank(identity.tenant, DEFAULT_MODEL, call)
        return _json(rank_answer(_since(begun_s), ranked, explain=explain))

    @app.get("/items/{item:path}/similar", tags=["lists"], response_model=RankAnswer)
    async def similar(
        item: _PathId,
        identity: CurrentIdentity,
        n: _Count = default_count,
        explain: bool = False,
    ) -> Response:
        """The items that are nearest to one; 404 for an item of which no event ever told."""
        begun_s = time.perf_counter()
        ranked = await service.similar(identity.tenant, item, n, explain=explain)
        return _json(rank_answer(_since(begun_s), ranked, explain=explain))

    @app.get("/popular", tags=["lists"], response_model=RankAnswer)
    async def popular(
        identity: CurrentIdentity,
        n: _Count = default_count,
        category: _Category = None,
        explain: bool = False,
    ) -> Response:
        """The items that are most popular now, with their decayed counts as scores."""
        begun_s = time.perf_counter()
        ranked = await service.popular(identity.tenant, n, category, explain=explain)
        return _json(rank_answer(_since(begun_s), ranked, explain=explain))


def _add_stream(app: FastAPI, service: RecommendationService) -> None:
    @app.get("/stream", tags=["stream"])
    async def stream(identity: CurrentIdentity) -> StreamAnswer:
        """How far the stream is, and what became of its records: of the tenant's own.

        An admin key of the tenant `default` sees those of all tenants, the lag and the broker.
        """
        return await service.stream(identity.figures_of)

    add_metrics(app, "/stream/metrics", service.probe.metrics)


def _since(begun_s: float) -> float:
    """Milliseconds since then."""
    return (time.perf_counter() - begun_s) * _MS


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
