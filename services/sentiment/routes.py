"""The routes of the sentiment application."""

import asyncio
from typing import Annotated

from fastapi import FastAPI, Header, Path, Query
from starlette.responses import StreamingResponse

from services.sentiment.alerts.record import AlertState
from services.sentiment.news import QueryTime
from services.sentiment.schemas import (
    AlertAnswer,
    AlertList,
    AnalyzeAnswer,
    AnalyzeRequest,
    EntityList,
    EntityName,
    EntityTotal,
    StreamAnswer,
    TextAnswer,
    TrendAnswer,
    WindowName,
)
from services.sentiment.service import SentimentService
from shared.http.application import CurrentIdentity, add_metrics, create_app
from shared.validation.forms import TextForm

_Uid = Annotated[str, TextForm("^[0-9a-f]{32}$", "32 hexadecimal digits"), Path()]
_EventId = Annotated[int, Query(ge=0, le=2**63 - 1)]
# `None` stands inside: a union around it would make it a query parameter.
_HeaderId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**63 - 1)]
_Limit = Annotated[int, Query(ge=1, le=500)]


def routes(service: SentimentService) -> FastAPI:
    """The application over the service; Serve puts it under `/sentiment`."""
    app = create_app(
        "sentiment",
        title="Banyan sentiment",
        settings=service.settings,
        readiness=service.readiness,
    )
    _add_analysis(app, service)
    _add_trends(app, service)
    # Before the route of one alert, whose path would take its name for an id.
    _add_alert_stream(app, service)
    _add_alerts(app, service)
    _add_stream(app, service)
    return app


def _add_analysis(app: FastAPI, service: SentimentService) -> None:
    @app.post("/analyze", tags=["analysis"])
    async def analyze(request: AnalyzeRequest, identity: CurrentIdentity) -> AnalyzeAnswer:
        """What each text says, as a whole and of each entity in it."""
        found = await service.analyze(request)
        return AnalyzeAnswer(data=[TextAnswer.of(index, one) for index, one in enumerate(found)])


def _add_trends(app: FastAPI, service: SentimentService) -> None:
    @app.get("/trends", tags=["trends"])
    async def trends(
        identity: CurrentIdentity,
        entity: Annotated[EntityName, Query()] = "",
        start: Annotated[QueryTime | None, Query(alias="from")] = None,
        end: Annotated[QueryTime | None, Query(alias="to")] = None,
        window: WindowName = "1h",
    ) -> TrendAnswer:
        """The news about an entity, or all news, in windows of event time.

        `from` and `to` are ISO 8601 with an offset, or Unix seconds.
        """
        return await service.trend(identity.tenant, entity, window, start, end)

    @app.get("/entities", tags=["trends"])
    async def entities(identity: CurrentIdentity, limit: _Limit = 50) -> EntityList:
        """The entities that were named most often, of all times."""
        found = await asyncio.to_thread(service.reader.entities, identity.tenant, limit)
        totals = [
            EntityTotal(
                entity=entity,
                negative=counts.negative,
                neutral=counts.neutral,
                positive=counts.positive,
                total=counts.total,
            )
            for entity, counts in found
        ]
        return EntityList(entities=totals)


def _add_alert_stream(app: FastAPI, service: SentimentService) -> None:
    @app.get("/alerts/stream", tags=["alerts"], response_class=StreamingResponse)
    async def follow(
        identity: CurrentIdentity,
        header: _HeaderId = None,
        last_event_id: _EventId | None = None,
    ) -> StreamingResponse:
        """Every change of an alert as a server-sent event, from `Last-Event-ID` on.

        Without an id (header, or `last_event_id`) only what comes from now on.
        """
        after = last_event_id if header is None else header
        events = await service.feed.listen(identity.tenant, after)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def _add_alerts(app: FastAPI, service: SentimentService) -> None:
    reader = service.reader

    @app.get("/alerts", tags=["alerts"])
    async def alerts(
        identity: CurrentIdentity,
        state: AlertState | None = None,
        entity: Annotated[EntityName | None, Query()] = None,
        limit: _Limit = 100,
    ) -> AlertList:
        """The tenant's alerts, the newest first."""
        found = await asyncio.to_thread(
            reader.alerts, identity.tenant, state=state, entity=entity, limit=limit
        )
        return AlertList(alerts=[AlertAnswer.of(alert) for alert in found])

    @app.get("/alerts/{uid}", tags=["alerts"])
    async def alert(uid: _Uid, identity: CurrentIdentity) -> AlertAnswer:
        """One alert with its figures and the texts that drove it."""
        return AlertAnswer.of(await asyncio.to_thread(reader.alert, identity.tenant, uid))


def _add_stream(app: FastAPI, service: SentimentService) -> None:
    @app.get("/stream", tags=["stream"])
    async def stream(identity: CurrentIdentity) -> StreamAnswer:
        """How far the stream is, and what became of its records: of the tenant's own.

        An admin key of the tenant `default` sees those of all tenants, the lag and the broker.
        """
        return await service.stream(identity.figures_of)

    add_metrics(app, "/stream/metrics", service.probe.metrics)
