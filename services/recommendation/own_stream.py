"""The stream inside the process that serves, for a database with one writer process."""

from prometheus_client import generate_latest

from services.recommendation.stream import BehaviourStream, StreamStatus
from shared.telemetry import REGISTRY


class OwnStream:
    """A `StreamProbe` of a stream in this process.

    On SQLite requests and the topic are stored by one process: SQLite puts their transactions in
    order, and no other process opens the file to write.
    """

    def __init__(self, stream: BehaviourStream) -> None:
        self._stream = stream

    async def status(self) -> StreamStatus:
        """What the stream does now."""
        return self._stream.status

    async def metrics(self) -> bytes:
        """This process's metrics: the stream's are among them."""
        return generate_latest(REGISTRY)
