"""Group commit: who shares a transaction, who is turned away, and who hears of a failure."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database
from services.recommendation.payloads import NewEvent
from services.recommendation.store import EventOutcome, FeedbackStore, StoredEvents
from services.recommendation.writer import FeedbackWriter
from shared.errors import DependencyError, OverloadedError
from shared.storage.database import Database
from tests.harness.recommendation.made import click, new

WAIT_S = 20.0


@pytest.fixture
def database(settings: RecommendationSettings) -> Iterator[Database]:
    database = open_database(settings)
    yield database
    database.close()


class SlowStore(FeedbackStore):
    """Waits before each commit until it may, and remembers how many events it was given."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.may_go = threading.Event()
        self.begun = threading.Event()
        self.sizes: list[int] = []
        self.error: Exception | None = None

    def store(self, events: Sequence[NewEvent]) -> StoredEvents:
        self.begun.set()
        assert self.may_go.wait(WAIT_S)
        self.sizes.append(len(events))
        if self.error is not None:
            raise self.error
        return super().store(events)


def answered(_: StoredEvents, answer: Callable[[], None]) -> None:
    answer()


@contextmanager
def running(
    store: FeedbackStore, *, queued: int = 100, batch: int = 50
) -> Iterator[FeedbackWriter]:
    writer = FeedbackWriter(store, answered, max_queued_events=queued, max_batch_events=batch)
    writer.start()
    yield writer
    writer.stop(WAIT_S)
    assert not writer.is_alive


def events(name: str, count: int) -> list[NewEvent]:
    return new([click("ann", f"i{place}", event_id=f"{name}-{place}") for place in range(count)])


def test_requests_that_wait_share_a_transaction(database: Database) -> None:
    store = SlowStore(database)
    with running(store) as writer:
        first = writer.submit(events("a", 10))
        assert store.begun.wait(WAIT_S)
        others = [writer.submit(events(name, 20)) for name in "bcd"]
        others.append(writer.submit(events("b", 20)))
        store.may_go.set()

        assert first.result(WAIT_S) == (EventOutcome.STORED,) * 10
        outcomes = [other.result(WAIT_S) for other in others]
    assert [one[0] for one in outcomes] == [EventOutcome.STORED] * 3 + [EventOutcome.REPEATED]
    # At most 50 in a transaction, and a request is never divided.
    assert store.sizes == [10, 40, 40]


def test_who_comes_when_the_queue_is_full_is_told_when_to_come_again(database: Database) -> None:
    store = SlowStore(database)
    with running(store) as writer:
        held = [writer.submit(events(name, 50)) for name in "ab"]
        with pytest.raises(OverloadedError, match="limit 100") as caught:
            writer.submit(events("c", 1))
        assert caught.value.retry_after_s > 0
        store.may_go.set()
        for one in held:
            one.result(WAIT_S)
        assert writer.submit(events("c", 150)).result(WAIT_S) == (EventOutcome.STORED,) * 150


def test_a_failure_reaches_everybody_and_the_next_ones_are_stored(database: Database) -> None:
    store = SlowStore(database)
    store.error = DependencyError("the disk is full")
    store.may_go.set()
    with running(store) as writer:
        with pytest.raises(DependencyError, match="full"):
            writer.submit(events("a", 3)).result(WAIT_S)
        store.error = None
        assert writer.submit(events("a", 3)).result(WAIT_S) == (EventOutcome.STORED,) * 3


def test_who_goes_away_before_the_turn_stores_nothing(database: Database) -> None:
    store = SlowStore(database)
    with running(store) as writer:
        writer.submit(events("a", 1))
        assert store.begun.wait(WAIT_S)
        gone, kept = writer.submit(events("b", 1)), writer.submit(events("c", 1))
        assert gone.cancel()
        store.may_go.set()
        assert kept.result(WAIT_S) == (EventOutcome.STORED,)
    assert store.sizes == [1, 1]


def test_what_waits_at_the_end_is_stored(database: Database) -> None:
    store = SlowStore(database)
    with running(store) as writer:
        waiting = [writer.submit(events(name, 30)) for name in "abc"]
        threading.Timer(0.05, store.may_go.set).start()
        writer.stop(WAIT_S)
        assert [one.result(0) for one in waiting] == [(EventOutcome.STORED,) * 30] * 3
        with pytest.raises(DependencyError, match="stopped"):
            writer.submit(events("d", 1))
