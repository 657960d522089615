"""The judge of passages: a task of the trunk, asked as much as a budget of time allows."""

import logging
from collections.abc import Sequence

import numpy as np

from shared.clock import Clock
from shared.errors import ArtifactError, NotFoundError
from shared.models.tasks import Float32s, ScoreOutput, TaskCall
from shared.retrieval.index import Hit
from shared.retrieval.judgement import Judgement
from shared.retrieval.judging import passage_text
from shared.serving.trunk import Trunk
from shared.telemetry import JUDGE_LATENCY, JUDGED_PAIRS

LOGGER = logging.getLogger(__name__)

LEAST_PAIRS = 3
"""So many pairs are judged however long it takes: fewer would choose between nothing."""

_FIRST_MS_PER_PAIR = 4.0
_LEAST_MS_PER_PAIR = 0.05
_SMOOTHING = 0.2
_MOST_CHANGE = 2.0
_RETRY_S = 2.0
_SURE = 1e-7


class Judge:
    """Asks the task `task`, of kind `score`, about pairs of a question and a passage.

    What a pair takes is learned from the calls: it tells how many of them take `budget_ms`, for
    each reading of the question. Under load a pair takes longer, so that fewer are judged. A task
    that the trunk does not have is asked for again after 2 s.
    """

    def __init__(self, trunk: Trunk, task: str, budget_ms: float, clock: Clock, app: str) -> None:
        self.task = task
        self._trunk = trunk
        self._budget_ms = budget_ms
        self._clock = clock
        self._app = app
        self._ms_per_pair = _FIRST_MS_PER_PAIR
        self._missing_until_s = float("-inf")

    @property
    def ms_per_pair(self) -> float:
        """What a pair took of late, in milliseconds."""
        return self._ms_per_pair

    async def judge(
        self, questions: Sequence[str], hits: Sequence[Hit], timeout_s: float
    ) -> Judgement:
        """How well passages answer readings of a question; the best passages stand first.

        Raises:
            ArtifactError: the task is not of the kind `score`.
            DeadlineError, OverloadedError, DependencyError: the trunk does not answer in time.
        """
        nothing = Judgement.none(len(questions), len(hits))
        if not hits or self._clock.monotonic() < self._missing_until_s:
            return nothing
        pairs = _by_value(len(questions), len(hits))
        kept = pairs[: self._affordable(len(questions))]
        texts = [
            (questions[reading], passage_text(hits[n].entry.title, hits[n].passage.text))
            for reading, n in kept
        ]
        began_s = self._clock.monotonic()
        try:
            (output,) = await self._trunk.encode(
                [TaskCall(self.task, texts, truncate=True)], app=self._app, timeout_s=timeout_s
            )
        except NotFoundError as error:
            LOGGER.debug("no judge", extra={"reason": str(error)})
            self._missing_until_s = self._clock.monotonic() + _RETRY_S
            return nothing
        if not isinstance(output, ScoreOutput):
            raise ArtifactError(f"{self.task} is not a score task: name one in `judge_task`")
        self._learn(len(kept), len(pairs) - len(kept), self._clock.monotonic() - began_s)
        logits = nothing.logits
        for (reading, n), logit in zip(kept, _logits(output.scores), strict=True):
            logits[reading, n] = logit
        return Judgement(logits, output.bundle, len(pairs) - len(kept))

    def _affordable(self, readings: int) -> int:
        return max(LEAST_PAIRS, int(readings * self._budget_ms / self._ms_per_pair))

    def _learn(self, judged: int, left_out: int, took_s: float) -> None:
        """One slow call tells little, many do."""
        JUDGED_PAIRS.labels(self._app, "judged").inc(judged)
        JUDGED_PAIRS.labels(self._app, "left_out").inc(left_out)
        JUDGE_LATENCY.labels(self._app).observe(took_s)
        took_ms = min(1000 * took_s / judged, _MOST_CHANGE * self._ms_per_pair)
        mean = (1 - _SMOOTHING) * self._ms_per_pair + _SMOOTHING * took_ms
        self._ms_per_pair = max(_LEAST_MS_PER_PAIR, mean)


def _by_value(readings: int, hits: int) -> list[tuple[int, int]]:
    """Pairs of reading and passage, those that tell most first.

    The first reading is asked about every passage; a further one about half as many in the same
    time, since it decides only where the subject changed.
    """
    pairs = [(reading, n) for reading in range(readings) for n in range(hits)]
    return sorted(pairs, key=lambda pair: pair[1] if not pair[0] else 2 * pair[1] + 1.5)


def _logits(scores: Float32s) -> Float32s:
    sure = np.clip(scores.astype(np.float64), _SURE, 1 - _SURE)
    return np.log(sure / (1 - sure)).astype(np.float32)
