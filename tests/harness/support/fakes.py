"""A trunk without a model: words are hashed to directions, so that shared words mean likeness."""

import hashlib
from collections.abc import Sequence

import numpy as np

from shared.errors import NotFoundError
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Float32s,
    Priority,
    TaskCall,
    TaskOutput,
)
from shared.retrieval.sparse import tokenize

WIDTH = 64


class FakeTrunk:
    """Embeds by words; classifies with what a test sets; remembers what it was asked for.

    `unread` is what each embedding output says of its texts' scripts.
    """

    def __init__(self) -> None:
        self.embed_bundle = "embed@000000000001"
        self.known_bundles = {self.embed_bundle}
        self.intents: dict[str, float] | None = None
        self.intent_bundle = "intent@1"
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
        self.calls.append(calls)
        self.priorities.append(priority)
        return outputs

    def _embeds(self, call: TaskCall) -> bool:
        return call.task == "embed" or call.task in self.known_bundles

    def _answer(self, call: TaskCall) -> TaskOutput:
        tokens = sum(len(str(text).split()) for text in call.inputs)
        if self._embeds(call):
            bundle = self.embed_bundle if call.task == "embed" else call.task
            vectors = np.stack([vector(str(text)) for text in call.inputs])
            unread = None if self.unread is None else np.array(self.unread, np.float32)
            return EmbedOutput(bundle, tokens, vectors, unread)
        if self.intents is None:
            raise NotFoundError(f"there is no task {call.task!r}")
        row = np.array([list(self.intents.values())], np.float32)
        return ClassifyOutput(self.intent_bundle, tokens, tuple(self.intents), row)


def vector(text: str) -> Float32s:
    """The direction of a text: the normalised sum of its words' directions."""
    total = np.zeros(WIDTH, np.float32)
    for word in tokenize(text):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        total += np.random.default_rng(seed).standard_normal(WIDTH, np.float32)
    norm = float(np.linalg.norm(total))
    return total / norm if norm else total
