"""The trunk as the other applications reach it: through a Ray Serve handle.

A message between replicas holds at most 4 MiB, so a long call travels in several messages, one
after another: the later ones name the bundles that answered the first, so that an alias that moves
meanwhile does not mix two models in one answer.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from ray import serve
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from shared.errors import DeadlineError, DependencyError, OverloadedError, PlatformError
from shared.failures import reason_of
from shared.models.tasks import (
    ClassifyOutput,
    EmbedOutput,
    Float32s,
    Priority,
    ScoreOutput,
    SpanOutput,
    TagOutput,
    TaskCall,
    TaskOutput,
)

LOGGER = logging.getLogger(__name__)

APP_NAME = "backbone"
DEPLOYMENT_NAME = "Encoder"

MAX_MESSAGE_INPUTS = 256
"""Vectors of 4,096 float32 values fill 4 MiB with as many."""
MAX_MESSAGE_CHARACTERS = 524_288
"""A character has at most 4 bytes in UTF-8, and the message carries little else."""
MAX_WAIT_S = 300.0
"""How long a caller that named no limit waits before the trunk counts as gone."""

Message = list[tuple[int, TaskCall]]
"""Parts of calls, each with its call's place in the caller's list."""


class EncodeMethod(Protocol):
    """A handle's method."""

    def remote(
        self, calls: Sequence[TaskCall], app: str, priority: Priority, timeout_s: float | None
    ) -> Awaitable[list[TaskOutput]]:
        """Sends the request; awaiting the answer yields the outputs."""


class Handle(Protocol):
    """The part of `ray.serve.handle.DeploymentHandle` that is used."""

    @property
    def encode(self) -> EncodeMethod:
        """The deployment's method `encode`."""


class ServeTrunk:
    """`shared.serving.trunk.Trunk` over the deployment `Encoder` of the application `backbone`."""

    def __init__(self, handle: Handle | None = None) -> None:
        self._handle: Handle = handle or serve.get_deployment_handle(
            DEPLOYMENT_NAME, app_name=APP_NAME
        )

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        """See `shared.serving.trunk.Trunk.encode`."""
        begun_s = time.monotonic()
        parts: list[list[TaskOutput]] = [[] for _ in calls]
        bundles: dict[str, str] = {}
        for message in split(calls):
            left_s = None if timeout_s is None else timeout_s + begun_s - time.monotonic()
            pinned = [replace(c, task=bundles.get(c.task, c.task)) for _, c in message]
            outputs = await self._send(pinned, app, priority, left_s)
            for (index, call), output in zip(message, outputs, strict=True):
                bundles[call.task] = output.bundle
                parts[index].append(output)
        return [join(outputs) for outputs in parts]

    async def _send(
        self, calls: Sequence[TaskCall], app: str, priority: Priority, timeout_s: float | None
    ) -> list[TaskOutput]:
        """One message and its answer, once more where a replica died under it."""
        wait_s = MAX_WAIT_S if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(wait_s):
                try:
                    return await self._handle.encode.remote(calls, app, priority, timeout_s)
                except RayActorError as error:
                    LOGGER.warning("the trunk's replica has gone", extra={"reason": str(error)})
                return await self._handle.encode.remote(calls, app, priority, timeout_s)
        except TimeoutError:
            if timeout_s is None:
                raise DependencyError(f"the trunk gave no answer in {wait_s:g} s") from None
            raise DeadlineError(
                f"no answer within {wait_s:.3g} s: send less at once, or allow more time"
            ) from None
        except BackPressureError as error:
            raise OverloadedError(
                "too many calls wait for the trunk already: try again in 1 s",
                retry_after_s=error.retry_after_s or 1.0,
            ) from None
        except RayTaskError as error:
            raise _cause(error) from None
        except (RayError, RayServeException) as error:
            raise DependencyError(f"the trunk does not answer: {reason_of(error)}") from error


def split(calls: Sequence[TaskCall]) -> Iterator[Message]:
    """Cuts calls into messages of bounded inputs and characters; an input is never cut.

    Every call is in some message, also one without inputs.
    """
    message: Message = []
    inputs = characters = 0
    for index, call in enumerate(calls):
        start = 0
        for position, text in enumerate(call.inputs):
            length = len(text) if isinstance(text, str) else sum(map(len, text))
            full = inputs == MAX_MESSAGE_INPUTS or characters + length > MAX_MESSAGE_CHARACTERS
            if full and inputs:
                if position > start:
                    message.append((index, replace(call, inputs=call.inputs[start:position])))
                yield message
                message, inputs, characters, start = [], 0, 0, position
            inputs += 1
            characters += length
        message.append((index, replace(call, inputs=call.inputs[start:])))
    if message:
        yield message


def join(parts: Sequence[TaskOutput]) -> TaskOutput:
    """One output from those of consecutive inputs of one call, all of one bundle."""
    first = parts[0]
    if len(parts) == 1:
        return first
    tokens = sum(part.tokens for part in parts)
    match first:
        case EmbedOutput():
            embedded = [part for part in parts if isinstance(part, EmbedOutput)]
            vectors = np.concatenate([part.vectors for part in embedded])
            return EmbedOutput(first.bundle, tokens, vectors, _joined_unread(embedded))
        case ClassifyOutput():
            rows = [p.probabilities for p in parts if isinstance(p, ClassifyOutput)]
            return replace(first, tokens=tokens, probabilities=np.concatenate(rows))
        case ScoreOutput():
            scores = np.concatenate([p.scores for p in parts if isinstance(p, ScoreOutput)])
            return replace(first, tokens=tokens, scores=scores)
        case TagOutput():
            spans = tuple(s for p in parts if isinstance(p, TagOutput) for s in p.spans)
            return replace(first, tokens=tokens, spans=spans)
        case SpanOutput():
            answers = tuple(a for p in parts if isinstance(p, SpanOutput) for a in p.answers)
            no_answer = [p.no_answer for p in parts if isinstance(p, SpanOutput)]
            return SpanOutput(first.bundle, tokens, answers, np.concatenate(no_answer))


def _joined_unread(parts: Sequence[EmbedOutput]) -> Float32s | None:
    if all(part.unread is None for part in parts):
        return None
    return np.concatenate(
        [
            np.zeros(len(part.vectors), np.float32) if part.unread is None else part.unread
            for part in parts
        ]
    )


def _cause(error: RayTaskError) -> PlatformError:
    """The error as the trunk raised it; one that is not the platform's own is the trunk's fault."""
    if isinstance(error.cause, PlatformError):
        return error.cause
    return DependencyError(f"the trunk failed: {reason_of(error.cause)}")
