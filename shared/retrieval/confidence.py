"""How probable it is that the best passage answers the question.

A logistic regression over a few numbers that every answer has; `pipelines.calibrate` fits its
constants, and `shared.retrieval.calibrations` keeps them.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from shared.artifacts.manifest import FilesManifest
from shared.metrics.metric import Metric
from shared.retrieval.index import Hit, Index

MOST_MARGIN = 0.15
"""More distance than this says no more: a long question shares many words with some passage."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for the best passage.

    `dense` is its cosine score, `coverage` the share of the question's words, weighted by how
    telling they are, that stand in its title or text. `margin` is the distance of its score to
    the best of another document, `MOST_MARGIN` at most. `has_intent` is whether the intent is known
    and the document says which ones it answers (else the intent says nothing about it), `intent`
    what it adds to the score. Whether both sides put it first was tried as well, and added nothing.

    `judge` is the logit that the judge of passages gives it (0 where none judged), `judge_odds` the
    logarithm of its odds against all passages of other documents and "none of them" together, as
    the judge's loss over lists compares them, and `follow_up` whether it was found and judged by
    the last questions together instead of the last one alone. `faq` is whether it answers a written
    question, and `faq_dense` its cosine score then: nearness to that question says more than
    nearness to an article.
    """

    dense: float
    coverage: float
    margin: float
    has_intent: float
    intent: float
    judge: float = 0.0
    judge_odds: float = 0.0
    follow_up: float = 0.0
    faq: float = 0.0
    faq_dense: float = 0.0


class RiskPoint(BaseModel, frozen=True, extra="forbid"):
    """What a threshold gives: shares of questions, each weighing as much as its domain lets it.

    `answered` is of all questions; `right` and `wrong` are of the answerable ones, `unanswerable`
    of the others: the share that is answered so. `risk` is the share wrong or unwarranted among
    what is answered. A share of nothing is null.
    """

    threshold: float
    answered: float | None
    right: float | None
    wrong: float | None
    unanswerable: float | None
    risk: float | None


class Figures(BaseModel, frozen=True, extra="forbid"):
    """What was found on the questions of a domain, by constants fitted without that domain.

    `best_right` is the share of the answerable questions whose best passage is of a right document,
    `calibration_error` that of ten bins (see `debiased_confidence_error`); `at_threshold` is what
    the chosen threshold gives.
    """

    questions: int
    answerable: int
    best_right: float | None
    calibration_error: Metric
    brier: float
    at_threshold: RiskPoint


class RiskBound(BaseModel, frozen=True, extra="forbid"):
    """That the share wrong among the answered is at most `level`, but with probability `delta`.

    It was found on `questions` that fitted nothing, of which the threshold answers `answered`;
    `bound` is the upper bound of their risk. It holds for questions that are drawn as these were.
    """

    level: float
    delta: float
    bound: float
    questions: int
    answered: int


class Calibration(FilesManifest, frozen=True, extra="forbid"):
    """The constants: a weight for each field of `Evidence`, and how they were found.

    They are for scores of `embed_bundle`, intents of `intent_bundle` and logits of `judge_bundle`,
    and say nothing about others'. `judge_weight` is what a unit of the judge's logit adds to a
    passage's score near 0, see `shared.retrieval.judgement`. From the probability `threshold` on a
    question is answered (`chosen_by` says how it was chosen), from `suggest_from` on there are
    suggestions, below it nothing fits. The file beside it holds the questions' evidence.
    """

    format_version: Literal[1] = 1
    kind: Literal["calibration"] = "calibration"
    name: str
    embed_bundle: str
    intent_bundle: str | None
    judge_bundle: str | None = None
    judge_weight: float = 0.05
    weights: Mapping[str, float]
    intercept: float
    threshold: float = Field(gt=0, lt=1)
    suggest_from: float = 0.02
    chosen_by: str = ""
    risk: RiskBound | None = None
    command: str
    created_at: str = ""
    domains: Mapping[str, Figures] = Field(default_factory=dict)
    pooled: Figures | None = None

    @property
    def id(self) -> str:
        """`<name>@<12 hex>`: other constants have another id, which is the store's."""
        return f"{self.name}@{hashlib.sha256(self.to_bytes()).hexdigest()[:12]}"

    def fits(
        self, embed_bundle: str, intent_bundle: str | None, judge_bundle: str | None = None
    ) -> bool:
        """Whether it was made with the bundles that answer, and from today's evidence.

        Without an intent, which is asked only of labelled documents, the others decide. Without a
        judge only what was made without one fits.
        """
        return (
            embed_bundle == self.embed_bundle
            and intent_bundle in (None, self.intent_bundle)
            and judge_bundle == self.judge_bundle
            and self.weights.keys() == set(Evidence.__slots__)
        )

    def probability(self, evidence: Evidence) -> float:
        """The probability, 0..1, that the best passage answers the question."""
        values = asdict(evidence)
        logit = self.intercept + sum(w * values.get(name, 0.0) for name, w in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, logit))))


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
    others = [hit for hit in hits if hit.entry is not best.entry]
    judge, judge_odds = _judged(hits, logits)
    return Evidence(
        dense=best.dense,
        coverage=_coverage(best, index.word_weights(question)),
        margin=min(MOST_MARGIN, best.score - max((hit.score for hit in others), default=0.0)),
        has_intent=float(has_intent and bool(best.entry.labels)),
        intent=best.label,
        judge=judge,
        judge_odds=judge_odds,
        follow_up=float(follow_up),
        faq=float(best.entry.is_faq),
        faq_dense=best.dense if best.entry.is_faq else 0.0,
    )


def _judged(hits: Sequence[Hit], logits: Sequence[float | None]) -> tuple[float, float]:
    """The logit of the first hit, and its odds.

    What was not judged fits as the worst that was, and rivals as the mean of what was: so that the
    fewer there was time to judge, the less sure the first one is.
    """
    known = [logit for logit in logits if logit is not None]
    if not known:
        return 0.0, 0.0
    first = min(known) if logits[0] is None else logits[0]
    mean = sum(known) / len(known)
    rivals = [
        mean if logit is None else logit
        for hit, logit in zip(hits, logits, strict=True)
        if hit.entry is not hits[0].entry
    ]
    return first, first - float(np.logaddexp.reduce([0.0, *rivals]))


def _coverage(hit: Hit, weights: dict[str, float]) -> float:
    words = {*hit.entry.title_tokens, *hit.entry.passage_tokens[hit.passage_number]}
    total = sum(weights.values())
    return (
        sum(weight for word, weight in weights.items() if word in words) / total if total else 0.0
    )
