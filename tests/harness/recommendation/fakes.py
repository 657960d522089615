"""A trunk without a model, whose vectors depend on words alone, and a stream host that is told."""

import asyncio
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from shared.delivery.relay import RelayState
from shared.errors import DependencyError, NotFoundError
from shared.models.tasks import EmbedOutput, Float32s, Priority, TaskCall, TaskOutput
from shared.streaming.health import StreamState
from shared.streaming.host import StreamStatus

WIDTH = 64


class FakeTrunk:
    """Embeds by hashed words: texts that share words are near; it remembers what it was asked.

    While `may_go` is not set, items wait for their vectors.
    """

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.bundle = "embed@1"
        self.former: dict[str, int] = {}
        self.of_languages: dict[str, int] = {}
        """Tasks of further backbones, with their widths."""
        self.width = WIDTH
        self.texts: list[str] = []
        self.priorities: set[Priority] = set()
        self.entered = asyncio.Event()
        self.may_go = asyncio.Event()
        self.may_go.set()

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
        outputs: list[TaskOutput] = []
        for call in calls:
            further = {f"{task}@1": width for task, width in self.of_languages.items()}
            bundles = {
                **self.former,
                **self.of_languages,
                **further,
                "embed": self.width,
                self.bundle: self.width,
            }
            if call.task not in bundles:
                raise NotFoundError(f"there is no task {call.task!r}")
            width = bundles[call.task]
            texts = [str(text) for text in call.inputs]
            if texts != ["a"]:
                self.texts.extend(texts)
                self.priorities.add(priority)
                self.entered.set()
                await self.may_go.wait()
            vectors = np.stack([embedded(text, width) for text in texts])
            bundle = self.bundle if call.task == "embed" else call.task
            if call.task in self.of_languages:
                bundle = f"{call.task}@1"
            outputs.append(EmbedOutput(bundle, 0, vectors))
        return outputs

    def promote(self, bundle: str, width: int) -> None:
        """Another bundle becomes the champion; the former one can still be asked by its id."""
        self.former[self.bundle] = self.width
        self.bundle, self.width = bundle, width


def embedded(text: str, width: int = WIDTH) -> Float32s:
    """A unit vector [width] from a text's words."""
    vector = np.zeros(width, np.float32)
    for word in text.lower().replace(".", " ").replace(",", " ").split():
        vector[zlib.crc32(word.encode()) % width] += 1.0
    return vector / np.float32(max(float(np.linalg.norm(vector)), 1e-9))


class FakeProbe:
    """A stream host that says what a test sets."""

    def __init__(self) -> None:
        self.is_away = False
        self.state = StreamState("running", None, 0.0, 0.0)

    async def status(self) -> StreamStatus:
        """What was set."""
        self._check()
        return StreamStatus(self.state, 12.5, RelayState())

    def on_stored(self, wake: Callable[[], None]) -> bool:
        """Another process stores what this stream reads."""
        return False

    async def metrics(self) -> bytes:
        """A line of metrics."""
        self._check()
        return b"banyan_feedback_events_total 1\n"

    def _check(self) -> None:
        if self.is_away:
            raise DependencyError("the stream host gave no answer in 2 s")
