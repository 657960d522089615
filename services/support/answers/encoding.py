"""Everything but judging that a turn needs from the trunk, in one call."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.support.answers.answer import Intent
from services.support.answers.readings import Turn
from services.support.passages import APP, missing_bundle
from shared.clock import Clock
from shared.errors import ArtifactError, NotFoundError
from shared.models.backbones.prefixes import InputType
from shared.models.tasks import ClassifyOutput, EmbedOutput, TaskCall, TaskOutput
from shared.retrieval.index import Index, Query
from shared.retrieval.readings import search_texts
from shared.serving.trunk import Trunk

LOGGER = logging.getLogger(__name__)

INTENT_WEIGHT = 0.5
"""What the certainty of an intent adds to the score of the documents that answer it."""

_PROBABLE = 0.01
_INTENT_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """A turn's readings with their vectors, and its intents if they were asked for.

    `unread` is the share of the question's words in a script that the backbone does not know.
    `conversation` is all that was said, and `before` what was said before the question, where
    anything was.
    """

    queries: tuple[Query, ...]
    intents: ClassifyOutput | None
    tokens: int
    unread: float
    conversation: Query | None = None
    before: Query | None = None

    @property
    def intent_bundle(self) -> str | None:
        """The bundle that told the intent; None where none was asked."""
        return None if self.intents is None else self.intents.bundle

    @property
    def label_scores(self) -> Mapping[str, float]:
        """What each probable intent adds to the score of the documents that answer it."""
        if self.intents is None:
            return {}
        probabilities, labels = self.intents.probabilities[0], self.intents.labels
        probable = np.flatnonzero(probabilities >= _PROBABLE)
        return {labels[i]: INTENT_WEIGHT * float(probabilities[i]) for i in probable}

    def alone(self) -> "Encoded":
        """The question without what was said before it."""
        return Encoded(self.queries[:1], self.intents, self.tokens, self.unread)

    @property
    def best_intent(self) -> Intent | None:
        """The most probable intent."""
        if self.intents is None:
            return None
        best = int(np.argmax(self.intents.probabilities[0]))
        return Intent(self.intents.labels[best], float(self.intents.probabilities[0, best]))


@dataclass(slots=True)
class Encoding:
    """Asks the trunk for the vectors of a turn, and for its intent where documents carry labels."""

    trunk: Trunk
    clock: Clock
    intent_task: str
    _no_intent_until_s: float = float("-inf")

    async def encode(self, index: Index, turn: Turn, timeout_s: float) -> Encoded:
        """The turn as the index's bundle reads it.

        Raises:
            ArtifactError: the trunk does not have the bundle that made the index, or a task is not
                of its kind.
            DeadlineError, OverloadedError, DependencyError: the trunk does not answer in time.
        """
        texts = search_texts(turn.messages)
        readings = len(texts)
        if turn.earlier:
            before = " ".join(turn.before or turn.earlier[::-1])
            texts += [f"{turn.question} {before}", before]
        embed = TaskCall(index.bundle, texts, truncate=True, input_type=InputType.QUERY)
        embedded, *others = await self._call(
            embed, turn.question, timeout_s, wants_intent=bool(index.labels)
        )
        if not isinstance(embedded, EmbedOutput):
            raise ArtifactError(f"{index.bundle} is not an embed bundle: rebuild the index")
        intents = others[0] if others else None
        if intents is not None and not isinstance(intents, ClassifyOutput):
            raise ArtifactError(
                f"{self.intent_task} is not a classify task: name one in intent_task"
            )
        queries = tuple(map(Query, texts, embedded.vectors))
        unread = 0.0 if embedded.unread is None else float(embedded.unread[0])
        said = queries[readings:] or (None, None)
        return Encoded(queries[:readings], intents, embedded.tokens, unread, *said)

    async def _call(
        self, embed: TaskCall, question: str, timeout_s: float, *, wants_intent: bool
    ) -> Sequence[TaskOutput]:
        """Asks for the intent too where the trunk has the task."""
        if wants_intent and self.clock.monotonic() >= self._no_intent_until_s:
            intent = TaskCall(self.intent_task, [question], truncate=True)
            try:
                return await self.trunk.encode([embed, intent], app=APP, timeout_s=timeout_s)
            except NotFoundError as error:
                # Whichever of the two is missing: the call below tells.
                LOGGER.debug("no intent", extra={"reason": str(error)})
                self._no_intent_until_s = self.clock.monotonic() + _INTENT_RETRY_S
        try:
            return await self.trunk.encode([embed], app=APP, timeout_s=timeout_s)
        except NotFoundError:
            raise missing_bundle(embed.task) from None
