"""The routes of the recommendation application."""

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from starlette.responses import Response

from services.recommendation.bodies import MAX_JSON_VALUES, feedback_body, read_events
from services.recommendation.incoming import Category, by_name
from services.recommendation.rankings.scorers import DEFAULT_MODEL
from services.recommendation.schemas import (
    MAX_COUNT,
    FeedbackAnswer,
    RankAnswer,
    RankRequest,
    StreamAnswer,
    rank_answer,
)
from services.recommendation.service import RecommendationService
from shared.http.application import AdminIdentity, CurrentIdentity, add_metrics, create_app
from shared.http.body_types import JSON
from shared.ranking.filters import Filters
from shared.ranking.query import Query as RankQuery
from shared.ranking.recommender import Ranked, Recommender
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
        max_json_values=MAX_JSON_VALUES,
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
        its `id`: sent again it changes nothing. A row that is not an event refuses the whole
        request, and the answer names it.
        """
        latest_ms = int((service.clock.time() + settings.max_ahead_s) * _MS)
        events = await read_events(request, max_events=settings.max_events, latest_ms=latest_ms)
        return await service.feedback(identity.tenant, events)


def _add_rank(app: FastAPI, service: RecommendationService) -> None:
    @app.post("/rank/{model}", tags=["rank"], response_model=RankAnswer)
    async def rank(model: _Model, request: RankRequest, identity: CurrentIdentity) -> Response:
        """Ranks the given items, or finds the best ones itself.

        The model `default` always exists. Unknown users and items are not an error.
        """
        time_s = service.clock.time() if request.timestamp is None else request.timestamp / _MS
        query = RankQuery(request.user, request.session, time_s, by_name(request.fields))
        count, explain = request.count, request.explain
        items = None if request.items is None else [one.id for one in request.items]
        if items is None and count is None:
            count = service.settings.default_count
        return await _answer(
            service,
            "rank",
            identity.tenant,
            lambda one: one.rank(query, items, count, explain=explain),
            model=model,
            explain=explain,
        )


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
        query = RankQuery(user, session, service.clock.time())
        filters = Filters(category=category, exclude_seen=exclude_seen)
        return await _answer(
            service,
            "rank",
            identity.tenant,
            lambda one: one.rank(query, None, n, filters, explain=explain),
            model=DEFAULT_MODEL,
            explain=explain,
        )

    @app.get("/items/{item:path}/similar", tags=["lists"], response_model=RankAnswer)
    async def similar(
        item: _PathId,
        identity: CurrentIdentity,
        n: _Count = default_count,
        explain: bool = False,
    ) -> Response:
        """The items that are nearest to one; 404 for an item of which no event ever told."""
        time_s = service.clock.time()
        return await _answer(
            service,
            "similar",
            identity.tenant,
            lambda one: one.similar(item, n, time_s, explain=explain),
            explain=explain,
        )

    @app.get("/popular", tags=["lists"], response_model=RankAnswer)
    async def popular(
        identity: CurrentIdentity,
        n: _Count = default_count,
        category: _Category = None,
        explain: bool = False,
    ) -> Response:
        """The items that are most popular now, with their decayed counts as scores."""
        time_s = service.clock.time()
        return await _answer(
            service,
            "popular",
            identity.tenant,
            lambda one: one.popular(n, category, time_s, explain=explain),
            explain=explain,
        )


async def _answer(
    service: RecommendationService,
    route: str,
    tenant: str,
    rank: Callable[[Recommender], list[Ranked]],
    *,
    model: str | None = None,
    explain: bool,
) -> Response:
    begun_s = time.perf_counter()
    ranked = await service.ranked(route, tenant, rank, model=model)
    took_ms = (time.perf_counter() - begun_s) * _MS
    return Response(rank_answer(took_ms, ranked, explain=explain), media_type=JSON)


def _add_stream(app: FastAPI, service: RecommendationService) -> None:
    @app.get("/stream", tags=["stream"])
    async def stream(identity: CurrentIdentity) -> StreamAnswer:
        """How far the stream is, and what became of its records: of the tenant's own.

        An admin key of the tenant `default` sees those of all tenants, the lag and the broker.
        """
        return await service.stream(identity.figures_of)

    add_metrics(app, "/stream/metrics", service.probe.metrics)
