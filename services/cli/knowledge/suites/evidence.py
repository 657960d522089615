"""The evidence of a suite's questions, as the running platform gives it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.cli.knowledge.suites.asking import post, user_messages
from shared.errors import ConflictError, InputError
from shared.retrieval.calibrations import CalibrationQuestion
from shared.retrieval.confidence import Evidence
from shared.retrieval.suite import Suite, SuiteQuestion

if TYPE_CHECKING:
    from services.cli.client import Platform

EVIDENCE = "/support/evidence"


@dataclass(slots=True)
class Gathered:
    """Questions with their evidence, and the bundles that gave it.

    `confidence` is the name of the one that decides, by the language of the knowledge bases.
    `passed_over` counts those that get no confidence: small talk, and where nothing was found that
    may answer.
    """

    questions: list[CalibrationQuestion] = field(default_factory=list)
    passed_over: int = 0
    embed_bundle: str | None = None
    intent_bundle: str | None = None
    judge_bundle: str | None = None
    judge_weight: float = 0.0
    confidence: str | None = None

    def take(self, question: SuiteQuestion, answer: dict[str, Any], domain: str) -> None:
        """Takes in the platform's answer about a question.

        Raises:
            ConflictError: other bundles answer than before.
        """
        if question.answerable is None or answer["evidence"] is None:
            self.passed_over += 1
            return
        for name in ("embed_bundle", "intent_bundle", "judge_bundle"):
            before, now = getattr(self, name), answer[name]
            if before is not None and now is not None and before != now:
                raise ConflictError(
                    f"{before} answered at first, then {now}: another champion serves since; try "
                    "again when no index is rebuilt"
                )
            setattr(self, name, before or now)
        if self.confidence not in (None, answer["name"]):
            raise InputError(
                f"{domain} is decided by {answer['name']}, the suites before it by "
                f"{self.confidence}: calibrate knowledge bases of one language at a time"
            )
        self.judge_weight, self.confidence = answer["judge_weight"], answer["name"]
        self.questions.append(
            CalibrationQuestion(
                domain,
                Evidence(**answer["evidence"]),
                question.answerable,
                question.answerable and answer["document_id"] in question.articles,
            )
        )


def gather(
    platform: "Platform",
    suite: Suite,
    kb: str,
    into: Gathered,
    on_asked: Callable[[], None],
    *,
    label: str,
    is_own: bool,
) -> None:
    """Asks for the evidence of every question of a suite.

    Its domain is `TENANT/LABEL` where the suite is a team's own, else the label.
    """
    for question in suite.questions:
        body = {"knowledge_base": kb, "messages": user_messages(question)}
        answer = post(platform, EVIDENCE, body)
        into.take(question, answer, f"{answer['tenant']}/{label}" if is_own else label)
        on_asked()


def check_gathered(gathered: Gathered) -> str:
    """The embed bundle that answered.

    Raises:
        InputError: no question has evidence.
    """
    if gathered.embed_bundle is None:
        raise InputError(
            "no question found anything that may answer: is the knowledge base loaded?"
        )
    return gathered.embed_bundle
