"""What an outbox and its relay promise, on every database."""

import threading
from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa

from shared.clock import ManualClock
from shared.storage.database import Database
from shared.storage.outbox import Backlog, Delivery, Message, Outbox, outbox_table
from shared.storage.relay import Attempt, Outcome, Relay, RelaySettings

METADATA = sa.MetaData()
TABLE = outbox_table(METADATA)
SETTINGS = RelaySettings(
    retry_first_s=1.0, retry_max_s=8.0, refusals=3, lease_s=15.0, poll_s=2.0, batch=10
)


class FakeSink:
    """Takes what it is sent, unless a test says otherwise."""

    def __init__(self) -> None:
        self.outcome = Outcome.DELIVERED
        self.by_key: dict[str, Outcome] = {}
        self.taken: list[str] = []
        self.tried: list[str] = []
        self.is_closed = False

    @property
    def names(self) -> tuple[str, ...]:
        return ("hook", "other")

    def send(self, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
        for delivery in deliveries:
            key = delivery.message.key
            self.tried.append(key)
            outcome = self.by_key.get(key, self.outcome)
            if outcome is Outcome.DELIVERED:
                self.taken.append(key)
            yield Attempt(
                delivery, outcome, "" if outcome is Outcome.DELIVERED else f"it is {outcome}"
            )
            if outcome is Outcome.AWAY:
                return

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def outbox(database: Database) -> Outbox:
    with database.write() as connection:
        METADATA.create_all(connection)
        unique = "CREATE UNIQUE INDEX outbox_key ON outbox (sink, key)"
        connection.exec_driver_sql(unique)
    return Outbox(TABLE)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def relay(database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock) -> Relay:
    return Relay(database, outbox, sink, SETTINGS, clock)


def put(database: Database, outbox: Outbox, clock: ManualClock, *keys: str) -> None:
    with database.write() as connection:
        outbox.put(connection, [message(key) for key in keys], clock.time())


def message(key: str, sink: str = "hook") -> Message:
    return Message(sink, key, b"\x00\xff", {"name": "Grüße"})


def backlog(database: Database, outbox: Outbox) -> Backlog:
    with database.read() as connection:
        return outbox.backlog(connection).get("hook", Backlog())


def test_messages_come_back_as_they_were_put_in_order_and_once(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a", "b", "a")
    put(database, outbox, clock, "b", "c")

    with database.write() as connection:
        found = outbox.claim(connection, ["hook"], clock.time(), 15.0, 10)

    assert [delivery.message for delivery in found] == [message(key) for key in "abc"]
    assert {delivery.attempts for delivery in found} == {0}


def test_what_one_has_claimed_nobody_else_gets_until_its_lease_ends(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a", "b", "c")

    def claim(limit: int) -> list[str]:
        with database.write() as connection:
            found = outbox.claim(connection, ["hook"], clock.time(), 15.0, limit)
        return [delivery.message.key for delivery in found]

    assert claim(2) == ["a", "b"]
    assert claim(2) == ["c"]
    clock.advance(16)
    assert claim(9) == ["a", "b", "c"]


def test_a_message_leaves_with_its_transaction_or_not_at_all(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        outbox.put(connection, [message("a")], clock.time())
        raise ZeroDivisionError

    assert backlog(database, outbox) == Backlog()


def test_a_relay_sends_each_message_once(
    relay: Relay, database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock
) -> None:
    put(database, outbox, clock, *(f"{number:02}" for number in range(25)))

    waits = [relay.step() for _ in range(4)]

    assert sink.taken == [f"{number:02}" for number in range(25)]
    assert waits == [0.0, 0.0, 0.0, SETTINGS.poll_s]
    assert backlog(database, outbox) == Backlog()
    assert relay.state.error is None


def test_a_sink_that_is_away_gets_everything_when_it_is_back(
    relay: Relay, database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a", "b", "c")
    sink.outcome = Outcome.AWAY

    waits = []
    for _ in range(12):
        waits.append(relay.step())
        clock.advance(10)

    assert len(sink.tried) == 12
    assert all(0 < wait <= SETTINGS.retry_max_s for wait in waits)
    assert waits[0] <= 1.0
    assert max(waits) > 4.0
    assert backlog(database, outbox) == Backlog(waiting=3)
    assert relay.state.error == "it is away"
    assert relay.state.failing_since_s == pytest.approx(clock.time() - 120)
    sink.outcome = Outcome.DELIVERED
    relay.step()
    assert sorted(sink.taken) == ["a", "b", "c"]
    assert relay.state.error is None


def test_a_message_that_finds_it_away_lets_the_others_pass(
    relay: Relay, database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a", "b", "c")
    sink.by_key = {"a": Outcome.AWAY}

    relay.step()
    relay.step()

    assert sink.taken == ["b", "c"]


def test_what_a_sink_refuses_is_given_up_after_some_tries_and_kept(
    relay: Relay, database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a", "b")
    sink.by_key = {"a": Outcome.REFUSED}

    for _ in range(6):
        relay.step()
        clock.advance(10)

    assert sink.taken == ["b"]
    assert sink.tried.count("a") == SETTINGS.refusals
    assert backlog(database, outbox) == Backlog(given_up=1)
    assert relay.state.given_up == 1
    with database.read() as connection:
        kept = connection.execute(sa.select(TABLE.c.last_error, TABLE.c.attempts)).all()
    assert ("it is refused", 3) in kept


def test_what_was_delivered_is_deleted_after_a_day(
    relay: Relay, database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a")
    relay.step()
    clock.advance(90_000)
    relay.step()

    with database.read() as connection:
        count = sa.select(sa.func.count()).select_from(TABLE)
        assert connection.execute(count).scalar() == 0


def test_two_relays_share_the_work(database: Database, outbox: Outbox, clock: ManualClock) -> None:
    put(database, outbox, clock, *(f"{number:02}" for number in range(60)))
    sinks = [FakeSink(), FakeSink()]

    def drain(sink: FakeSink) -> None:
        relay = Relay(database, outbox, sink, SETTINGS, clock)
        while not relay.step():
            pass

    threads = [threading.Thread(target=drain, args=(sink,)) for sink in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sinks[0].taken + sinks[1].taken) == [f"{number:02}" for number in range(60)]


def test_its_thread_wakes_stops_and_closes_the_sink(
    relay: Relay, database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock
) -> None:
    relay.start()
    put(database, outbox, clock, "a")
    relay.wake()
    taken = threading.Event()
    waiter = threading.Thread(target=_until, args=(lambda: bool(sink.taken), taken))
    waiter.start()
    assert taken.wait(10)
    waiter.join()

    relay.stop(10)

    assert not relay.is_alive
    assert sink.is_closed


def _until(condition: object, event: threading.Event) -> None:
    assert callable(condition)
    while not condition():
        event.wait(0.01)
    event.set()
