"""A turn about a knowledge base: small talk, or a search that is judged, then answered or not.

The search proposes passages for every reading of the turn, a judge says which of them answer it,
the calibrated confidence whether that is enough.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.support.answers.answer import Answer, AnswerKind, Grounds, HandoffReason
from services.support.answers.compose import compose
from services.support.answers.encoding import Encoded, Encoding
from services.support.answers.excerpt import can_answer
from services.support.answers.near_talk import NearTalk
from services.support.answers.readings import Turn
from services.support.answers.relevance import Relevance, Relevances
from services.support.answers.small_talk import Reply
from services.support.answers.subject import subject_changed
from services.support.answers.suggestions import (
    CLARIFY_FROM,
    best_by_document,
    pair_of,
    suggest,
)
from services.support.knowledge_base import KnowledgeBase
from shared.clock import Clock
from shared.errors import DeadlineError
from shared.models.tasks import MAX_UNREAD
from shared.retrieval.confidence import Evidence, evidence_of
from shared.retrieval.index import Hit, Index, Matches
from shared.retrieval.judgement import Judged, Judgement, ordered
from shared.retrieval.readings import judged_questions
from shared.serving.judge import Judge

CANDIDATES = 10
"""How many passages are judged at most."""

PER_DOCUMENT = 2
"""How many of them are of one document at most."""

EARLIER_WORDS = 0.25
"""How much a word that only earlier turns have counts beside those of the question, when the
sentences of an answer are chosen: another row of the same table is asked for by its own words."""


@dataclass(slots=True)
class Assistant:
    """Searches and answers with two hops to the trunk, which take `timeout_s` together at most.

    `relevances` are judge and confidence by the language of an index. Where the confidence was
    made with other bundles than those that answer nothing is answered, only suggested.
    """

    encoding: Encoding
    relevances: Relevances
    talk: NearTalk
    clock: Clock
    timeout_s: float

    async def search(self, knowledge_base: KnowledgeBase, turn: Turn, top_k: int) -> list[Judged]:
        """The best passages, each document's first before any second, the best first.

        Raises:
            ArtifactError, DeadlineError, OverloadedError, DependencyError: see `answer`.
        """
        index = await knowledge_base.index()
        if not index.entries:
            return []
        deadline_s = self.clock.monotonic() + self.timeout_s
        encoded = await self.encoding.encode(index, turn, self.timeout_s)
        # So many hold `top_k` documents, if there are.
        turn, encoded, hits = await asyncio.to_thread(
            _search, index, turn, encoded, max(CANDIDATES, 2 * top_k)
        )
        relevance = self.relevances.of(index)
        judgement = await self._judge(relevance.judge, turn, hits, deadline_s)
        judged = ordered(hits, judgement, relevance.calibration.judge_weight)
        firsts = best_by_document(judged)
        numbers = set(map(id, firsts))
        further = [each for each in judged if id(each) not in numbers]
        return [*firsts, *further][:top_k]

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
        turn = self.without_small_talk(turn)
        index = await knowledge_base.index()
        if not index.entries:
            return Answer("handoff", handoff="no_documents")
        deadline_s = self.clock.monotonic() + self.timeout_s
        encoded = await self.encoding.encode(index, turn, self.timeout_s)
        vector = encoded.queries[0].vector
        reply = self.talk.reply(turn.question, vector, encoded.unread, index.bundle)
        if reply is not None:
            return _said(reply, encoded.tokens)
        if encoded.unread >= MAX_UNREAD:
            return Answer("handoff", handoff="language", prompt_tokens=encoded.tokens)
        turn, encoded, hits = await asyncio.to_thread(_search, index, turn, encoded, CANDIDATES)
        telling = [hit for hit in hits if can_answer(hit)]
        relevance = self.relevances.of(index)
        judgement = await self._judge(relevance.judge, turn, telling or hits, deadline_s)
        judged = ordered(telling or hits, judgement, relevance.calibration.judge_weight)
        found = _Found(index, relevance, turn, encoded, judged, judgement, is_told=bool(telling))
        return await asyncio.to_thread(self._answer, found, max_tokens)

    def without_small_talk(self, turn: Turn) -> Turn:
        """The turn without what was said before it that asks and tells nothing."""
        is_talk = self.talk.small_talk.is_talk
        earlier = (text for text in turn.earlier if not is_talk(text))
        before = tuple(text for text in turn.before if not is_talk(text))
        return Turn((*earlier, turn.question), before)

    async def _judge(
        self, judge: Judge | None, turn: Turn, hits: Sequence[Hit], deadline_s: float
    ) -> Judgement:
        questions = judged_questions(turn.messages)
        if judge is None:
            return Judgement.none(len(questions), len(hits))
        left_s = deadline_s - self.clock.monotonic()
        if left_s <= 0:
            raise DeadlineError(
                f"the answer was not found within {self.timeout_s:g} s: ask again, or raise "
                "`encode_timeout_s`"
            )
        judgement = await judge.judge(questions, hits[:CANDIDATES], left_s)
        return judgement.over(len(hits))

    def _answer(self, found: "_Found", max_tokens: int | None) -> Answer:
        evidence = found.evidence()
        calibration = found.relevance.calibration
        confidence = calibration.probability(evidence)
        words = found.word_weights()
        composed = None
        is_sure = confidence >= calibration.threshold and found.may_decide
        if found.is_told and is_sure:
            judged = found.judged_only
            logits = [each.logit for each in judged if each.logit is not None]
            hits = [each.hit for each in judged]
            composed = compose(hits, words, logits=logits, max_tokens=max_tokens)
        kind, handoff = ("answer", None) if composed else self._unanswered(found, confidence)
        return Answer(
            kind,
            confidence,
            composed,
            () if composed else suggest(found.judged, words),
            handoff=handoff,
            intent=found.encoded.best_intent,
            prompt_tokens=found.encoded.tokens,
            fits_calibration=calibration.fits(
                found.index.bundle, found.encoded.intent_bundle, found.judgement.bundle
            ),
            grounds=found.grounds(evidence) if found.is_told else None,
        )

    def _unanswered(
        self, found: "_Found", confidence: float
    ) -> tuple[AnswerKind, HandoffReason | None]:
        if not found.is_told:
            return "handoff", "no_answer"
        if confidence < found.relevance.calibration.suggest_from and found.may_decide:
            return "handoff", "low_confidence"
        return "clarify" if self._is_open(found, confidence) else "suggestions", None

    def _is_open(self, found: "_Found", confidence: float) -> bool:
        """Whether two documents are near each other and both near an answer."""
        if (pair := pair_of(found.judged)) is None:
            return False
        calibration = found.relevance.calibration
        other = calibration.probability(found.evidence(first=pair[1]))
        return min(confidence, other) >= CLARIFY_FROM * calibration.threshold


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found for a turn, the best first; `is_told` is whether any of it can answer."""

    index: Index
    relevance: Relevance
    turn: Turn
    encoded: Encoded
    judged: Sequence[Judged]
    judgement: Judgement
    is_told: bool

    @property
    def text(self) -> str:
        """The words of the reading that the best passage answers."""
        return self.turn.read_for(self.judged[0])

    @property
    def may_decide(self) -> bool:
        """Whether the confidence is for the bundles that answer."""
        return self.relevance.fits(
            self.index.bundle, self.encoded.intent_bundle, self.judgement.bundle
        )

    def word_weights(self) -> dict[str, float]:
        """How telling each word is that an answer may hold; see `EARLIER_WORDS`."""
        now = self.index.word_weights(self.turn.question)
        read = self.index.word_weights(self.text)
        return {word: w if word in now else EARLIER_WORDS * w for word, w in read.items()}

    @property
    def judged_only(self) -> Sequence[Judged]:
        """What the judge has seen; all of it where there is none."""
        return [each for each in self.judged if each.logit is not None] or self.judged

    def grounds(self, evidence: Evidence) -> Grounds:
        """What the confidence of the best passage was computed from."""
        return Grounds(
            evidence,
            self.judged[0].hit.entry.document_id,
            self.index.bundle,
            self.encoded.intent_bundle,
            self.judgement.bundle,
        )

    def evidence(self, first: Judged | None = None) -> Evidence:
        """The evidence for the best passage, or for another one in its place."""
        best = first or self.judged[0]
        judged = [best, *(each for each in self.judged if each is not best)]
        text = self.turn.read_for(best)
        return evidence_of(
            [each.hit for each in judged],
            self.index,
            text,
            has_intent=self.encoded.intents is not None,
            logits=[each.logit for each in judged],
            follow_up=text != self.turn.question,
        )


def _said(reply: Reply, prompt_tokens: int = 0) -> Answer:
    if reply.hands_over:
        return Answer("handoff", handoff="asked", said=reply.text, prompt_tokens=prompt_tokens)
    return Answer("small_talk", 1.0, said=reply.text, prompt_tokens=prompt_tokens)


def _search(
    index: Index, turn: Turn, encoded: Encoded, top_k: int
) -> tuple[Turn, Encoded, list[Hit]]:
    """What fits the turn, which stands alone where it asks about another subject."""
    matches: Matches = {}
    if subject_changed(index, encoded, matches):
        turn, encoded = turn.alone(), encoded.alone()
    hits = index.search(
        encoded.queries,
        top_k,
        label_scores=encoded.label_scores,
        per_document=PER_DOCUMENT,
        context=encoded.conversation,
        matches=matches,
    )
    return turn, encoded, hits
