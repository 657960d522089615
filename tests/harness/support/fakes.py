"""A trunk without a model: words are hashed to directions, so that shared words mean likeness."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.errors import NotFoundError
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Float32s,
    Priority,
    ScoreOutput,
    TaskCall,
    TaskOutput,
)
from shared.retrieval.confidence import Calibration
from shared.retrieval.tokens import tokenize

WIDTH = 64


@dataclass(frozen=True, slots=True)
class FixedConfidence:
    """A confidence that nobody follows."""

    calibration: Calibration


class FakeTrunk:
    """Embeds by words; classifies with what a test sets; remembers what it was asked for.

    `unread` is what each embedding output says of its texts' scripts. `judge_logits` makes a judge
    of pairs, which is missing without it. `language_bundles` are the champions of embed tasks for
    other languages.
    """

    def __init__(self) -> None:
        self.embed_bundle = "embed@000000000001"
        self.known_bundles = {self.embed_bundle}
        self.language_bundles: dict[str, str] = {}
        self.intents: dict[str, float] | None = None
        self.intent_bundle = "intent@1"
        self.judge_logits: Callable[[str, str], float] | None = None
        self.judge_bundle = "support-judge@000000000001"
        self.unread: list[float] | None = None
        self.error: Exception | None = None
        self.calls: list[Sequence[TaskCall]] = []
        self.priorities: list[Priority] = []

    @property
    def embedded_texts(self) -> list[str]:
        """Every text that was embedded."""
        return [
            str(text) for calls in self.calls for c in calls for text in c.inputs if self._embeds(c)
        ]

    def champion(self, bundle: str) -> None:
        """A new champion of `embed`; the old bundle stays known."""
        self.embed_bundle = bundle
        self.known_bundles.add(bundle)

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        """Answers from words."""
        if self.error is not None:
            raise self.error
        outputs = [self._answer(call) for call in calls]
        self.on_call(sum(len(call.inputs) for call in calls))
        self.calls.append(calls)
        self.priorities.append(priority)
        return outputs

    def on_call(self, inputs: int) -> None:
        """What else happens in a call of so many inputs; a test may turn the clock."""

    def _embeds(self, call: TaskCall) -> bool:
        tasks = {"embed", *self.language_bundles}
        return call.task in tasks | self.known_bundles | set(self.language_bundles.values())

    def _answer(self, call: TaskCall) -> TaskOutput:
        tokens = sum(len(str(text).split()) for text in call.inputs)
        if self._embeds(call):
            champions = {"embed": self.embed_bundle, **self.language_bundles}
            bundle = champions.get(call.task, call.task)
            vectors = np.stack([vector(str(text)) for text in call.inputs])
            unread = None if self.unread is None else np.array(self.unread, np.float32)
            return EmbedOutput(bundle, tokens, vectors, unread)
        if call.task in (self.judge_bundle.partition("@")[0], self.judge_bundle):
            return self._judge(call, tokens)
        if self.intents is None:
            raise NotFoundError(f"there is no task {call.task!r}")
        row = np.array([list(self.intents.values())], np.float32)
        return ClassifyOutput(self.intent_bundle, tokens, tuple(self.intents), row)

    def _judge(self, call: TaskCall, tokens: int) -> TaskOutput:
        if self.judge_logits is None:
            raise NotFoundError(f"there is no task {call.task!r}")
        logits = [self.judge_logits(str(pair[0]), str(pair[1])) for pair in call.inputs]
        scores = 1 / (1 + np.exp(-np.array(logits, np.float64)))
        return ScoreOutput(self.judge_bundle, tokens, scores.astype(np.float32))


def vector(text: str) -> Float32s:
    """The direction of a text: the normalised sum of its words' directions."""
    total = np.zeros(WIDTH, np.float32)
    for word in tokenize(text):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        total += np.random.default_rng(seed).standard_normal(WIDTH, np.float32)
    norm = float(np.linalg.norm(total))
    return total / norm if norm else total
