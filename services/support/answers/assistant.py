"""A question about a knowledge base, answered or handed off.

A reranker's place is between `Index.search` and `evidence_of`: it reorders the hits.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile
from typing import Literal

import numpy as np

from services.support.answers.extract import Extract, can_answer, extract
from services.support.answers.near_talk import NearTalk
from services.support.answers.small_talk import Reply
from services.support.knowledge_base import KnowledgeBase
from services.support.passages import APP, missing_bundle
from shared.clock import Clock
from shared.errors import ArtifactError, NotFoundError
from shared.models.tasks import ClassifyOutput, EmbedOutput, TaskCall, TaskOutput
from shared.retrieval.confidence import Calibration, evidence_of
from shared.retrieval.index import Hit, Index, Query
from shared.retrieval.readings import search_texts
from shared.serving.trunk import Trunk

LOGGER = logging.getLogger(__name__)

INTENT_WEIGHT = 0.5
"""What the certainty of an intent adds to the score of the documents that answer it."""

_CONSIDERED = 10
_PROBABLE = 0.01
_INTENT_RETRY_S = 2.0


MAX_UNREAD = 0.5
"""From this share of words on that the backbone does not know, a question is not understood."""

HandoffReason = Literal["asked", "no_documents", "language", "no_answer", "low_confidence"]
"""Why a person should take over: the user asked for one, nothing is there to search, the backbone
does not know the question's script, what was found only points elsewhere, or it is not sure
enough."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user asks now, and asked before (empty at the first turn)."""

    question: str
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """The most probable intent of a question."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found; `extract` is None where a person should take over, for `handoff`'s reason.

    `said` is what is said instead to small talk, and to who asked for a person.
    `fits_calibration` is whether the confidence was calibrated with the bundles that answered.
    """

    hits: Sequence[Hit] = ()
    extract: Extract | None = None
    confidence: float = 0.0
    intent: Intent | None = None
    handoff: HandoffReason | None = None
    prompt_tokens: int = 0
    said: str | None = None
    fits_calibration: bool = True


@dataclass(frozen=True, slots=True)
class _Encoded:
    queries: tuple[Query, ...]
    intents: ClassifyOutput | None
    tokens: int
    unread: float

    @property
    def intent_bundle(self) -> str | None:
        """The bundle that told the intent; None where none was asked."""
        return None if self.intents is None else self.intents.bundle


@dataclass(slots=True)
class Assistant:
    """Searches and answers with one hop to the trunk, which takes `timeout_s` at most."""

    trunk: Trunk
    calibration: Calibration
    talk: NearTalk
    clock: Clock
    intent_task: str
    timeout_s: float
    _no_intent_until_s: float = float("-inf")

    async def search(self, knowledge_base: KnowledgeBase, query: str, top_k: int) -> list[Hit]:
        """The best passages for a query, the best first."""
        index = await knowledge_base.index()
        if not index.entries:
            return []
        encoded = await self._encode(index, Turn(query))
        return await asyncio.to_thread(
            index.search, encoded.queries, top_k, label_scores=_label_scores(encoded.intents)
        )

    async def answer(
        self, knowledge_base: KnowledgeBase, turn: Turn, *, max_tokens: int | None = None
    ) -> Answer:
        """The answer to a user's turn, with its calibrated confidence.

        Raises:
            ArtifactError: the trunk does not have the bundle that made the index.
            DeadlineError, OverloadedError, DependencyError: the trunk does not answer in time.
        """
        words = self.talk.small_talk
        if (reply := words.reply(turn.question)) is not None:
            return _said(reply)
        if words.reply(turn.previous) is not None:
            turn = Turn(turn.question)
        index = await knowledge_base.index()
        if not index.entries:
            return Answer(handoff="no_documents")
        encoded = await self._encode(index, turn)
        vector = encoded.queries[0].vector
        reply = self.talk.reply(turn.question, vector, encoded.unread, index.bundle)
        if reply is not None:
            return _said(reply, encoded.tokens)
        return await asyncio.to_thread(self._answer, index, turn, encoded, max_tokens)

    def _answer(
        self, index: Index, turn: Turn, encoded: _Encoded, max_tokens: int | None
    ) -> Answer:
        if encoded.unread >= MAX_UNREAD:
            return Answer(handoff="language", prompt_tokens=encoded.tokens)
        hits = index.search(
            encoded.queries, _CONSIDERED, label_scores=_label_scores(encoded.intents)
        )
        # A document that only points elsewhere does not stand before one that tells.
        hits = list(dropwhile(lambda hit: not can_answer(hit), hits))
        intent = _best_intent(encoded.intents)
        if not hits:
            return Answer(intent=intent, handoff="no_answer", prompt_tokens=encoded.tokens)
        evidence = evidence_of(hits, index, turn.question, has_intent=encoded.intents is not None)
        confidence = self.calibration.probability(evidence)
        is_answered = confidence >= self.calibration.threshold
        found = None
        if is_answered:
            weights = index.word_weights(turn.question)
            found = extract(hits[0], weights, max_tokens=max_tokens)
        return Answer(
            hits,
            found,
            confidence,
            intent,
            None if is_answered else "low_confidence",
            encoded.tokens,
            fits_calibration=self.calibration.fits(index.bundle, encoded.intent_bundle),
        )

    async def _encode(self, index: Index, turn: Turn) -> _Encoded:
        """Everything that a turn needs from the trunk, in one call."""
        turns = [turn.previous, turn.question] if turn.previous else [turn.question]
        texts = search_texts(turns)
        embed = TaskCall(index.bundle, texts, truncate=True)
        outputs = await self._call(embed, turn.question, wants_intent=bool(index.labels))
        embedded = outputs[0]
        if not isinstance(embedded, EmbedOutput):
            raise ArtifactError(f"{index.bundle} is not an embed bundle: rebuild the index")
        intents = outputs[1] if len(outputs) > 1 else None
        if intents is not None and not isinstance(intents, ClassifyOutput):
            raise ArtifactError(
                f"{self.intent_task} is not a classify task: name one in intent_task"
            )
        queries = tuple(map(Query, texts, embedded.vectors))
        unread = 0.0 if embedded.unread is None else float(embedded.unread[0])
        return _Encoded(queries, intents, embedded.tokens, unread)

    async def _call(
        self, embed: TaskCall, question: str, *, wants_intent: bool
    ) -> Sequence[TaskOutput]:
        """Asks for the intent too where documents carry labels and the trunk has the task."""
        if wants_intent and self.clock.monotonic() >= self._no_intent_until_s:
            intent = TaskCall(self.intent_task, [question], truncate=True)
            try:
                return await self.trunk.encode([embed, intent], app=APP, timeout_s=self.timeout_s)
            except NotFoundError as error:
                # Whichever of the two is missing: the call below tells.
                LOGGER.debug("no intent", extra={"reason": str(error)})
                self._no_intent_until_s = self.clock.monotonic() + _INTENT_RETRY_S
        try:
            return await self.trunk.encode([embed], app=APP, timeout_s=self.timeout_s)
        except NotFoundError:
            raise missing_bundle(embed.task) from None


def _said(reply: Reply, prompt_tokens: int = 0) -> Answer:
    return Answer(
        confidence=0.0 if reply.hands_over else 1.0,
        handoff="asked" if reply.hands_over else None,
        prompt_tokens=prompt_tokens,
        said=reply.text,
    )


def _label_scores(intents: ClassifyOutput | None) -> dict[str, float]:
    if intents is None:
        return {}
    probable = np.flatnonzero(intents.probabilities[0] >= _PROBABLE)
    return {intents.labels[i]: INTENT_WEIGHT * float(intents.probabilities[0, i]) for i in probable}


def _best_intent(intents: ClassifyOutput | None) -> Intent | None:
    if intents is None:
        return None
    best = int(np.argmax(intents.probabilities[0]))
    return Intent(intents.labels[best], float(intents.probabilities[0, best]))
