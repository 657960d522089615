"""How probable it is that the best passage answers the question.

A logistic regression over a few numbers that every answer has; `pipelines.calibrate` fits its
constants.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from pydantic import BaseModel

from shared.retrieval.index import Hit, Index


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for the best passage.

    `dense` is its cosine score, `coverage` the share of the question's words, weighted by how
    telling they are, that stand in its title or text. `margin` is the distance of its score to
    the best of another document. `has_intent` is whether the intent is known and the document says
    which ones it answers (else the intent says nothing about it), `intent` what it adds to the
    score. Whether both sides put it first was tried as well, and added nothing.

    `judge` is the logit that the judge of passages gives it (0 where none judged), `judge_margin`
    that logit's distance to the best of another document, and `follow_up` whether it was found and
    judged by the last questions together instead of the last one alone.
    """

    dense: float
    coverage: float
    margin: float
    has_intent: float
    intent: float
    judge: float = 0.0
    judge_margin: float = 0.0
    follow_up: float = 0.0


class Calibration(BaseModel, frozen=True, extra="forbid"):
    """The constants: a weight for each field of `Evidence`, and how they were found.

    They are for scores of `embed_bundle` and intents of `intent_bundle`, and say little of others'.
    One that was made with a `judge_bundle` answers nothing without a judge. `judge_weight` is what
    a unit of the judge's logit adds to a passage's score. From `threshold` on a question is
    answered, from `suggest_from` on there are suggestions, below it nothing fits.
    """

    name: str
    embed_bundle: str
    intent_bundle: str | None
    judge_bundle: str | None = None
    judge_weight: float = 0.05
    weights: dict[str, float]
    intercept: float
    threshold: float
    suggest_from: float = 0.02
    command: str
    figures: dict[str, Any]

    @property
    def id(self) -> str:
        """`<name>@<12 hex>`: other constants have another id."""
        return f"{self.name}@{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]}"

    def fits(
        self, embed_bundle: str, intent_bundle: str | None, judge_bundle: str | None = None
    ) -> bool:
        """Whether it was made with the bundles that answer.

        Without an intent, which is asked only of labelled documents, the others decide. Without a
        judge only what was made without one fits.
        """
        return (
            embed_bundle == self.embed_bundle
            and intent_bundle in (None, self.intent_bundle)
            and judge_bundle == self.judge_bundle
        )

    def probability(self, evidence: Evidence) -> float:
        """The probability, 0..1, that the best passage answers the question."""
        values = zip(Evidence.__slots__, astuple(evidence), strict=True)
        logit = self.intercept + sum(self.weights[name] * value for name, value in values)
        return 1.0 / (1.0 + math.exp(-logit))


def evidence_of(
    hits: Sequence[Hit],
    index: Index,
    question: str,
    *,
    has_intent: bool,
    logits: Sequence[float | None] = (),
    follow_up: bool = False,
) -> Evidence:
    """The evidence for the first of `hits`, at least one, the best first.

    `logits` are what a judge gave each of them. `question` is the reading that found it, or that it
    answers: of a `follow_up` several turns together.
    """
    best = hits[0]
    others = [n for n, hit in enumerate(hits) if hit.entry is not best.entry]
    known = [logit for logit in logits if logit is not None]
    # What was not judged fits less than what was.
    judged = [min(known) if logit is None else logit for logit in logits] if known else []
    logit = judged[0] if judged else 0.0
    return Evidence(
        dense=best.dense,
        coverage=_coverage(best, index.word_weights(question)),
        margin=best.score - max((hits[n].score for n in others), default=0.0),
        has_intent=float(has_intent and bool(best.entry.labels)),
        intent=best.label,
        judge=logit,
        judge_margin=logit - max((judged[n] for n in others if judged), default=0.0),
        follow_up=float(follow_up),
    )


def _coverage(hit: Hit, weights: dict[str, float]) -> float:
    words = {*hit.entry.title_tokens, *hit.entry.passage_tokens[hit.passage_number]}
    total = sum(weights.values())
    return (
        sum(weight for word, weight in weights.items() if word in words) / total if total else 0.0
    )
