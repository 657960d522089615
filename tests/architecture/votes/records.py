"""Decode: what a record of the topic says, and what is done with it."""

from collections.abc import Sequence

from shared.streaming.application import StoredBatch, json_value
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import BAD_SCHEMA, DeadLetter, DecodeError
from shared.streaming.message import Record
from tests.architecture.votes.store import Vote, VoteStore

_MAX_BYTES = 1_000


class VoteRecords:
    """`shared.streaming.application.Application` for votes."""

    def __init__(self, store: VoteStore) -> None:
        self._store = store

    def decode(self, record: Record, arrived_at: float) -> str:
        """The choice of a vote: `{"choice": "tea"}`.

        Raises:
            DecodeError: the record is not a vote.
        """
        match json_value(record.value, _MAX_BYTES):
            case {"choice": str(choice)}:
                return choice
        raise DecodeError(BAD_SCHEMA, 'expected {"choice": "..."}')

    def complete(self, decoded: Sequence[tuple[Record, str]]) -> list[Vote]:
        """The votes with their records; another application asks the trunk here."""
        return [Vote(record, choice) for record, choice in decoded]

    def store(self, prepared: Sequence[Vote | DeadLetter], progress: StreamProgress) -> StoredBatch:
        """Stores a batch."""
        return self._store.store(prepared, progress)

    def idle(self, progress: StreamProgress) -> tuple[int, ...]:
        """Nothing is to be done when nothing came."""
        return ()

    def check(self) -> None:
        """Nothing outside is needed."""

    def cancel(self) -> None:
        """Nothing outside is waited for."""
