"""The routes of the confidence: the evidence that it is made from, and what thresholds give."""

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from services.support.answers import chat
from services.support.answers.chat_schemas import Messages
from services.support.confidence import curves_of
from services.support.config import KnowledgeBaseName
from services.support.service import SupportService
from shared.http.application import AdminIdentity
from shared.retrieval.confidence import RiskPoint
from shared.validation.body import RequestBody


class EvidenceRequest(RequestBody):
    """A conversation whose last turn is asked; without `knowledge_base`, of the default one."""

    messages: Messages
    knowledge_base: KnowledgeBaseName | None = None


class EvidenceResponse(BaseModel):
    """What the confidence in the best passage is made from.

    Without a passage that may answer, as for small talk, `document_id` and `evidence` are null.
    """

    knowledge_base: str
    tenant: str
    kind: str
    confidence: float
    document_id: str | None = Field(description="The document of the best passage.")
    evidence: dict[str, float] | None
    embed_bundle: str | None
    intent_bundle: str | None = Field(description="Null where no intent was asked.")
    judge_bundle: str | None = Field(description="Null where nothing was judged.")
    judge_weight: float
    name: str = Field(description="Which confidence decides, by the knowledge base's language.")


class DomainCurve(BaseModel):
    """What thresholds give on a domain's questions, by constants fitted without that domain."""

    domain: str
    questions: int
    points: list[RiskPoint]


class RiskCoverage(BaseModel):
    """The calibration that serves, its threshold, and what others would give.

    `pooled` is of all domains, each weighing the same; `domains` are those that ship and the
    tenant's own. Where a knowledge base was named `knowledge_base` is its own curve, or null where
    nobody calibrated on it.
    """

    calibration: str
    threshold: float
    chosen_by: str
    pooled: DomainCurve
    domains: list[DomainCurve]
    knowledge_base: DomainCurve | None


def add_confidence(app: FastAPI, service: SupportService) -> None:
    """Adds the routes; both are for who sets thresholds, an admin."""

    @app.post("/evidence", tags=["confidence"])
    async def evidence(request: EvidenceRequest, identity: AdminIdentity) -> EvidenceResponse:
        """What a turn's confidence is made from: `banyan support calibrate` asks it."""
        name = request.knowledge_base or service.settings.default_knowledge_base
        turn = chat.turn_of(request.messages, service.wording)
        knowledge_base = await service.knowledge_bases.get(identity.tenant, name)
        answer = await service.assistant.answer(knowledge_base, turn)
        grounds = answer.grounds
        confidence = service.confidence_of(await knowledge_base.bundle())
        return EvidenceResponse(
            knowledge_base=name,
            tenant=identity.tenant,
            kind=answer.kind,
            confidence=answer.confidence,
            document_id=None if grounds is None else grounds.document_id,
            evidence=None if grounds is None else asdict(grounds.evidence),
            embed_bundle=None if grounds is None else grounds.embed_bundle,
            intent_bundle=None if grounds is None else grounds.intent_bundle,
            judge_bundle=None if grounds is None else grounds.judge_bundle,
            judge_weight=confidence.calibration.judge_weight,
            name=confidence.name,
        )

    @app.get("/risk-coverage", tags=["confidence"])
    async def risk_coverage(
        identity: AdminIdentity,
        knowledge_base: Annotated[KnowledgeBaseName | None, Query()] = None,
    ) -> RiskCoverage:
        """Which threshold gives what, by the held-out questions of the calibration that serves."""
        made_by = None
        if knowledge_base is not None:
            found = await service.knowledge_bases.get(identity.tenant, knowledge_base)
            made_by = await found.bundle()
        bundle = service.confidence_of(made_by).bundle
        curves = await asyncio.to_thread(curves_of, bundle, identity.tenant)
        pooled, *domains = [
            DomainCurve(domain=each.domain, questions=each.questions, points=list(each.points))
            for each in curves
        ]
        own = f"{identity.tenant}/{knowledge_base}"
        return RiskCoverage(
            calibration=bundle.id,
            threshold=bundle.manifest.threshold,
            chosen_by=bundle.manifest.chosen_by,
            pooled=pooled,
            domains=domains,
            knowledge_base=next((each for each in domains if each.domain == own), None),
        )
