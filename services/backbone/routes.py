"""The public routes of the backbone, served by the replica that holds the model."""

from typing import Annotated

import orjson
from fastapi import FastAPI, Path
from starlette.responses import Response

from services.backbone.config import APP_NAME, BackboneSettings
from services.backbone.schemas import (
    ClassifyRequest,
    ClassifyResponse,
    EmbeddingsRequest,
    EmbeddingsResponse,
    ModelCard,
    ModelsResponse,
    RerankRequest,
    RerankResponse,
)
from services.backbone.service import BackboneService
from shared.http.application import create_app
from shared.serving.encoder import Encoder
from shared.validation.identifiers import Identifier


def routes(encoder: Encoder, settings: BackboneSettings) -> FastAPI:
    """The application over an encoder; Serve puts it under `/v1`.

    Answers are written by orjson straight from the model's arrays: through pydantic, every number
    of every vector would become a Python object first.
    """
    service = BackboneService(encoder, settings)
    app = create_app(
        APP_NAME,
        title="Banyan backbone",
        settings=settings,
        readiness=service.readiness,
        openai_paths=("/",),
    )

    @app.get("/models", tags=["models"], response_model=ModelsResponse)
    async def models() -> Response:
        """The backbone and every task, with the bundle that answers for it now."""
        return _json(service.models())

    @app.get("/models/{model:path}", tags=["models"], response_model=ModelCard)
    async def model(model: Annotated[Identifier, Path()]) -> Response:
        """One of them, or a bundle by its id: OpenAI's route."""
        return _json(await service.model(model))

    @app.post("/embeddings", tags=["inference"], response_model=EmbeddingsResponse)
    async def embeddings(request: EmbeddingsRequest) -> Response:
        """Vectors of texts: OpenAI's route."""
        return _json(await service.embed(request))

    @app.post("/rerank", tags=["inference"], response_model=RerankResponse)
    async def rerank(request: RerankRequest) -> Response:
        """Documents in the order of their relevance to a query.

        With a model of kind `embed` the relevance is the cosine c of the two vectors, mapped to
        0..1 as (1 + c) / 2.
        """
        return _json(await service.rerank(request))

    @app.post("/classify", tags=["inference"], response_model=ClassifyResponse)
    async def classify(request: ClassifyRequest) -> Response:
        """Labels of texts, with calibrated probabilities."""
        return _json(await service.classify(request))

    return app


def _json(content: object) -> Response:
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )
