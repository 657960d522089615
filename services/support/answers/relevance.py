"""What decides about passages of one language: who judges them, and the calibrated confidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from shared.retrieval.confidence import Calibration
from shared.retrieval.index import Index
from shared.serving.judge import Judge


class Confidence(Protocol):
    """Has the calibration that serves now."""

    @property
    def calibration(self) -> Calibration:
        """Its constants."""
        ...


@dataclass(slots=True)
class Relevance:
    """Without a `judge` the search's own order and the confidence decide."""

    judge: Judge | None
    confidence: Confidence

    @property
    def calibration(self) -> Calibration:
        """The confidence's constants, as they are now."""
        return self.confidence.calibration

    def fits(self, embed_bundle: str, intent_bundle: str | None, judge_bundle: str | None) -> bool:
        """Whether the confidence was made with the bundles that answer; if not it says nothing.

        Where no judge is wanted, one that was made with a judge is taken as it is.
        """
        judge = self.calibration.judge_bundle if self.judge is None else judge_bundle
        return self.calibration.fits(embed_bundle, intent_bundle, judge)


@dataclass(slots=True)
class Relevances:
    """That of the first backbone's language, and of others by the task that embeds them.

    `unjudged` are tasks of further languages for which there is no confidence: nothing judges
    their passages, and nothing is answered from them, only suggested.
    """

    default: Relevance
    by_task: Mapping[str, Relevance] = field(default_factory=dict)
    unjudged: frozenset[str] = frozenset()

    def of(self, index: Index) -> Relevance:
        """That of an index."""
        return self.of_task(index.bundle.partition("@")[0])

    def of_task(self, task: str) -> Relevance:
        """That of what a task embeds."""
        if task in self.unjudged:
            return Relevance(None, self.default.confidence)
        return self.by_task.get(task, self.default)
