"""Small talk by its meaning: a message's vector beside those of the phrases."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.support.answers.small_talk import Reply, SmallTalk
from services.support.passages import APP
from shared.errors import ArtifactError, PlatformError
from shared.models.backbones.prefixes import InputType
from shared.models.tasks import MAX_UNREAD, EmbedOutput, Priority, TaskCall
from shared.serving.trunk import Trunk

LOGGER = logging.getLogger(__name__)

_MAX_BUNDLES = 4
_TEXTS_A_CALL = 128
_TIMEOUT_S = 60.0
_RETRIES_S = (1.0, 2.0, 5.0, 10.0, 30.0)

Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Vectors:
    """Vectors of phrases [p, d] and of questions [q, d] by one bundle; neither p nor q is 0."""

    phrases: tuple[str, ...]
    of_phrases: Float32s
    of_questions: Float32s


@dataclass(slots=True)
class NearTalk:
    """Replies to messages that mean much the same as a phrase.

    The phrases are embedded once with each bundle that makes an index, in the background, from
    `start` on: until that is done, and where the trunk does not do it, words alone decide.
    """

    small_talk: SmallTalk
    trunk: Trunk
    _vectors: dict[str, _Vectors | None] = field(default_factory=dict)
    _embedding: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _is_started: bool = False

    def start(self, task: str) -> None:
        """Embeds with the champion of a task, and from now on with each bundle that is met."""
        self._is_started = True
        self._begin(task)

    async def prepare(self, bundle: str) -> None:
        """Embeds with a bundle, or its task's champion; returns when that is done or given up."""
        if bundle not in self._vectors:
            await asyncio.wait([self._begin(bundle)])

    async def close(self) -> None:
        """Ends what is being embedded."""
        self._is_started = False
        running = list(self._embedding.values())
        for each in running:
            each.cancel()
        if running:
            await asyncio.wait(running)

    def reply(self, message: str, vector: Float32s, unread: float, bundle: str) -> Reply | None:
        """What to say to a message with this vector [d] by `bundle`; None where it is a question.

        `unread` is the share of its words that the backbone does not know. Called on the loop.
        """
        if self._is_started and bundle not in self._vectors:
            self._begin(bundle)
        vectors = self._vectors.get(bundle)
        if vectors is None or unread >= MAX_UNREAD:
            return None
        to_phrases = vectors.of_phrases @ vector
        nearest = int(np.argmax(to_phrases))
        likeness = float(to_phrases[nearest])
        lead = likeness - float(np.max(vectors.of_questions @ vector))
        return self.small_talk.near_reply(message, vectors.phrases[nearest], likeness, lead)

    def _begin(self, bundle: str) -> asyncio.Task[None]:
        if bundle not in self._embedding:
            self._embedding[bundle] = asyncio.create_task(self._embed(bundle))
        return self._embedding[bundle]

    async def _embed(self, bundle: str) -> None:
        try:
            for wait_s in _RETRIES_S:
                try:
                    await self._embed_all(bundle)
                    return
                except PlatformError as error:
                    reason = str(error)
                await asyncio.sleep(wait_s)
            LOGGER.warning("small talk is known by its words alone", extra={"reason": reason})
        finally:
            del self._embedding[bundle]

    async def _embed_all(self, bundle: str) -> None:
        talk = self.small_talk
        texts = [*talk.phrases, *talk.questions]
        vectors, unread = [], []
        for start in range(0, len(texts), _TEXTS_A_CALL):
            output = await self._encode(bundle, texts[start : start + _TEXTS_A_CALL])
            bundle = output.bundle
            vectors.append(output.vectors)
            none = np.zeros(len(output.vectors), np.float32)
            unread.append(none if output.unread is None else output.unread)
        if texts:
            is_read = np.concatenate(unread) < MAX_UNREAD
            self._keep(bundle, np.concatenate(vectors), is_read)

    async def _encode(self, bundle: str, texts: Sequence[str]) -> EmbedOutput:
        # Questions are compared with them, as queries.
        call = TaskCall(bundle, texts, truncate=True, input_type=InputType.QUERY)
        (output,) = await self.trunk.encode(
            [call], app=APP, priority=Priority.BULK, timeout_s=_TIMEOUT_S
        )
        if not isinstance(output, EmbedOutput):
            raise ArtifactError(f"{bundle} is not an embed task: name one in `embed_task`")
        return output

    def _keep(self, bundle: str, vectors: Float32s, is_read: npt.NDArray[np.bool_]) -> None:
        """Keeps vectors of the phrases and, after them, of the questions: those that are read."""
        phrases, count = self.small_talk.phrases, len(self.small_talk.phrases)
        read = tuple(each for each, is_kept in zip(phrases, is_read, strict=False) if is_kept)
        questions = vectors[count:][is_read[count:]]
        both = _Vectors(read, vectors[:count][is_read[:count]], questions)
        self._vectors[bundle] = both if read and len(questions) else None
        while len(self._vectors) > _MAX_BUNDLES:
            self._vectors.pop(next(iter(self._vectors)))
