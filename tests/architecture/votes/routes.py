"""Routes: what clients may ask."""

from fastapi import FastAPI

from shared.http.application import CurrentIdentity, create_app
from tests.architecture.votes.service import VoteService


def routes(service: VoteService) -> FastAPI:
    """The application's routes; the edge's keys, problems and documents come with them."""
    app = create_app("votes", title="Votes", settings=service.settings, readiness=service.readiness)

    @app.get("/votes", tags=["votes"])
    async def votes(identity: CurrentIdentity) -> dict[str, int]:
        """Votes by choice."""
        return await service.votes()

    return app
