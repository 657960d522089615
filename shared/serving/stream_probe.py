"""The stream host of an application as its HTTP replicas ask it: through a Ray Serve handle."""

import asyncio
from collections.abc import Awaitable
from typing import Generic, Protocol, TypeVar

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from shared.errors import DependencyError

StatusT = TypeVar("StatusT")
StatusT_co = TypeVar("StatusT_co", covariant=True)
AnswerT = TypeVar("AnswerT")
AnswerT_co = TypeVar("AnswerT_co", covariant=True)

_ASK_TIMEOUT_S = 2.0


class Method(Protocol[AnswerT_co]):
    """A handle's method without arguments."""

    def remote(self) -> Awaitable[AnswerT_co]:
        """Sends the question; awaiting the answer yields it."""


class StreamHandle(Protocol[StatusT_co]):
    """The part of `ray.serve.handle.DeploymentHandle` that is used."""

    @property
    def status(self) -> Method[StatusT_co]:
        """The host's method `status`."""

    @property
    def metrics(self) -> Method[bytes]:
        """The host's method `metrics`."""


class HandleProbe(Generic[StatusT]):
    """An application's `StreamProbe` over its stream host's handle."""

    def __init__(self, handle: StreamHandle[StatusT]) -> None:
        self._handle = handle

    async def status(self) -> StatusT:
        """What the stream does now.

        Raises:
            DependencyError: the stream host does not answer.
        """
        return await _answer(self._handle.status.remote())

    async def metrics(self) -> bytes:
        """The stream host's metrics, in Prometheus' text format.

        Raises:
            DependencyError: the stream host does not answer.
        """
        return await _answer(self._handle.metrics.remote())


async def _answer(asked: Awaitable[AnswerT]) -> AnswerT:
    try:
        async with asyncio.timeout(_ASK_TIMEOUT_S):
            return await asked
    except TimeoutError:
        raise DependencyError(f"the stream host gave no answer in {_ASK_TIMEOUT_S:g} s") from None
    except (RayError, RayServeException) as error:
        reason = str(error).partition("\n")[0]
        raise DependencyError(f"the stream host does not answer: {reason}") from error
