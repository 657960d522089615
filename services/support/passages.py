"""Documents made searchable: cut into passages and embedded by the trunk."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from services.support.documents import Document, StoredDocument
from shared.clock import Clock
from shared.errors import ArtifactError, DeadlineError, InputError, NotFoundError, OverloadedError
from shared.models.backbones.prefixes import InputType
from shared.models.tasks import EmbedOutput, Priority, TaskCall
from shared.retrieval.entries import Embedded, Entry, with_vectors
from shared.serving.trunk import Trunk
from shared.text.passages import Passage, TextFormat, split_passages

LOGGER = logging.getLogger(__name__)

APP = "support"

_TEXTS_A_CALL = 256
_INTERACTIVE_TEXTS = 8


@dataclass(frozen=True, slots=True)
class Embedder:
    """Embeds with the trunk, in calls small enough that others get their turn.

    `timeout_s` bounds the embedding of all documents of one write.
    """

    trunk: Trunk
    clock: Clock
    timeout_s: float

    async def bundle(self, task: str) -> tuple[str, int]:
        """The immutable id of the bundle that answers for a task now, and its vectors' width.

        Raises:
            ArtifactError: the trunk has no such task, or it is not an embed task.
            PlatformError: the trunk does not answer.
        """
        try:
            return await self._champion(task)
        except NotFoundError as error:
            raise ArtifactError(
                f"embed_task: {error}; promote a bundle of {task}, or name another task"
            ) from None

    async def find_bundle(self, task: str) -> tuple[str, int] | None:
        """As `bundle`; None where the trunk has no such task."""
        try:
            return await self._champion(task)
        except NotFoundError:
            return None

    async def embed(
        self,
        documents: Sequence[StoredDocument],
        bundle: str,
        priority: Priority | None = None,
        *,
        are_stored: bool = False,
    ) -> list[Embedded]:
        """Entries of documents, with vectors made by `bundle`.

        Without a `priority` the few passages of a short write are `interactive`, many `bulk`.
        A document that `are_stored` already is read as plain text where this version of the
        platform would refuse it, so that it does not take its knowledge base away.

        Raises:
            InputError: a document that is not stored yet has no readable text.
            ArtifactError: the trunk does not have the bundle any more.
            DeadlineError: `timeout_s` passed.
        """
        entry = _stored_entry if are_stored else _entry
        entries = await asyncio.to_thread(lambda: [entry(document) for document in documents])
        texts = [text for each in entries for text in each.texts]
        if priority is None:
            few = len(texts) <= _INTERACTIVE_TEXTS
            priority = Priority.INTERACTIVE if few else Priority.BULK
        deadline_s = self.clock.monotonic() + self.timeout_s
        parts: list[npt.NDArray[np.float32]] = []
        for start in range(0, len(texts), _TEXTS_A_CALL):
            left_s = deadline_s - self.clock.monotonic()
            batch = texts[start : start + _TEXTS_A_CALL]
            parts.append((await self._encode(bundle, batch, priority, left_s)).vectors)
        return with_vectors(entries, np.concatenate(parts)) if parts else []

    async def _champion(self, task: str) -> tuple[str, int]:
        output = await self._call(task, [task], Priority.INTERACTIVE, self.timeout_s)
        return output.bundle, output.vectors.shape[1]

    async def _encode(
        self, bundle: str, texts: Sequence[str], priority: Priority, timeout_s: float
    ) -> EmbedOutput:
        """One call; where the trunk is full it is repeated until the time is over."""
        deadline_s = self.clock.monotonic() + timeout_s
        while True:
            left_s = deadline_s - self.clock.monotonic()
            if left_s <= 0:
                raise DeadlineError(
                    f"the documents were not embedded within {self.timeout_s:g} s: send fewer"
                )
            try:
                return await self._call(bundle, texts, priority, left_s)
            except OverloadedError as error:
                if priority is not Priority.BULK:
                    raise
                await asyncio.sleep(min(error.retry_after_s, left_s))
            except NotFoundError:
                raise missing_bundle(bundle) from None

    async def _call(
        self, task: str, texts: Sequence[str], priority: Priority, timeout_s: float
    ) -> EmbedOutput:
        call = TaskCall(task, texts, truncate=True, input_type=InputType.PASSAGE)
        (output,) = await self.trunk.encode([call], app=APP, priority=priority, timeout_s=timeout_s)
        if not isinstance(output, EmbedOutput):
            raise ArtifactError(
                f"{task} is not an embed task: name one in `embed_task` or `embed_tasks`"
            )
        return output


def missing_bundle(bundle: str) -> ArtifactError:
    """The error where the trunk no longer has what an index was made with."""
    return ArtifactError(
        f"the trunk does not have {bundle}, which made this index: the champion rebuilds it "
        "soon; to rebuild it now: POST /support/knowledge-bases/NAME/rebuild"
    )


def check_readable(documents: Sequence[Document]) -> None:
    """Refuses documents that would have no passages.

    Raises:
        InputError: a document has no text to show.
    """
    for document in documents:
        _passages(document)


def _passages(document: Document) -> list[Passage]:
    try:
        passages = split_passages(document.text, document.format)
    except InputError as error:
        raise InputError(f"document {document.id!r}: {error}", param="text") from None
    if not passages:
        raise InputError(
            f"document {document.id!r}: read as {document.format}, it has no text to show",
            param="text",
        )
    return passages


def _entry(stored: StoredDocument) -> Entry:
    document = stored.document
    return Entry.of(
        document.id,
        stored.version,
        document.title,
        document.intents,
        _passages(document),
        is_faq=document.is_faq,
    )


def _stored_entry(stored: StoredDocument) -> Entry:
    try:
        return _entry(stored)
    except InputError as error:
        LOGGER.warning("a document is read as plain text", extra={"reason": str(error)})
        as_plain = replace(stored.document, format=TextFormat.PLAIN)
        return _entry(replace(stored, document=as_plain))
