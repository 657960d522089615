"""What an application's routes say of its stream."""

from collections.abc import Mapping
from typing import Protocol

from shared.errors import DependencyError
from shared.http.application import READY
from shared.streaming.host import StreamStatus


class StreamProbe(Protocol):
    """Where the stream is asked, which may be in another process and away."""

    async def status(self) -> StreamStatus:
        """What the stream does now.

        Raises:
            DependencyError: the stream host does not answer.
        """

    async def metrics(self) -> bytes:
        """The metrics of the stream's process, in Prometheus' text format.

        Raises:
            DependencyError: the stream host does not answer.
        """


async def stream_checks(probe: StreamProbe, *names: str) -> Mapping[str, str]:
    """For readiness: the broker, the stream and its sinks; `names` are those that are expected."""
    try:
        faults = (await probe.status()).faults
    except DependencyError as error:
        return dict.fromkeys(names, str(error))
    return {name: fault or READY for name, fault in faults.items()}
