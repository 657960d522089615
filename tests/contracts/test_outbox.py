"""What an outbox and its relay promise, on every database."""

import random
import threading
from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from shared.clock import ManualClock
from shared.delivery.outbox import Backlog, Delivery, Message, Outbox, outbox_table
from shared.delivery.outbox_schema import add_order
from shared.delivery.relay import Attempt, Outcome, Relay, RelaySettings, RelayState
from shared.storage.database import Database
from shared.storage.retention import DAY_S, Retention, RetentionSettings
from shared.telemetry import REGISTRY

METADATA = sa.MetaData()
TABLE = outbox_table(METADATA)
_OVERDUE = "banyan_outbox_attempt_overdue_seconds"
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

    @property
    def attempt_s(self) -> float:
        return 5.0

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


def put_ordered(database: Database, outbox: Outbox, clock: ManualClock, *keys: str) -> None:
    """Each key's first letter is what it is ordered by."""
    messages = [Message("hook", key, b"", ordered_by=key[0]) for key in keys]
    with database.write() as connection:
        outbox.put(connection, messages, clock.time())


def message(key: str, sink: str = "hook") -> Message:
    return Message(sink, key, b"\x00\xff", {"name": "Grüße"})


def claim(
    database: Database, outbox: Outbox, clock: ManualClock, limit: int = 10
) -> list[Delivery]:
    with database.read() as connection:
        due = outbox.due(connection, ["hook"], clock.time(), limit)
    with database.write() as connection:
        return outbox.claim(connection, due, clock.time(), 15.0)


def claimed(database: Database, outbox: Outbox, clock: ManualClock, limit: int = 10) -> list[str]:
    return [one.message.key for one in claim(database, outbox, clock, limit)]


def backlog(database: Database, outbox: Outbox) -> Backlog:
    with database.read() as connection:
        return outbox.backlog(connection, ["hook", "other"])["hook"]


def test_messages_come_back_as_they_were_put_in_order_and_once(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a", "b", "a")
    put(database, outbox, clock, "b", "c")

    found = claim(database, outbox, clock)

    assert [delivery.message for delivery in found] == [message(key) for key in "abc"]
    assert {delivery.attempts for delivery in found} == {0}


def test_what_one_has_claimed_nobody_else_gets_until_its_lease_ends(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a", "b", "c")

    assert claimed(database, outbox, clock, 2) == ["a", "b"]
    assert claimed(database, outbox, clock, 2) == ["c"]
    clock.advance(16)
    assert claimed(database, outbox, clock, 9) == ["a", "b", "c"]


def test_two_that_look_at_the_same_time_claim_each_message_once(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    put(database, outbox, clock, "a", "b")
    with database.read() as connection:
        due = outbox.due(connection, ["hook"], clock.time(), 10)

    found = []
    for _ in range(2):
        with database.write() as connection:
            found.append(outbox.claim(connection, due, clock.time(), 15.0))

    assert [len(one) for one in found] == [2, 0]


def test_a_message_waits_for_the_earlier_ones_of_its_key_and_for_no_other(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    put_ordered(database, outbox, clock, "a1", "b1", "a2", "a3")
    put_ordered(database, outbox, clock, "b2")
    put(database, outbox, clock, "free1", "free2")

    first = claim(database, outbox, clock)
    assert [one.message.key for one in first] == ["a1", "b1", "free1", "free2"]
    # Leased by one relay, no other gets what comes after them.
    assert claimed(database, outbox, clock) == []

    with database.write() as connection:
        outbox.delivered(connection, [first[0].id], clock.time())
        outbox.postpone(connection, [first[1].id], clock.time() + 100, "it is away")
    assert claimed(database, outbox, clock) == ["a2"]
    clock.advance(50)
    assert claimed(database, outbox, clock) == ["a2", "free1", "free2"]
    clock.advance(60)
    assert claimed(database, outbox, clock) == ["b1", "a2", "free1", "free2"]


def test_what_was_given_up_lets_the_next_one_of_its_key_go(
    relay: Relay, database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock
) -> None:
    put_ordered(database, outbox, clock, "a1", "a2")
    sink.by_key = {"a1": Outcome.REFUSED}

    for _ in range(SETTINGS.refusals):
        assert sink.taken == []
        relay.step()
        clock.advance(10)
    relay.step()

    assert sink.taken == ["a2"]


def test_keys_of_different_sinks_do_not_wait_for_each_other(
    database: Database, outbox: Outbox, clock: ManualClock, relay: Relay, sink: FakeSink
) -> None:
    with database.write() as connection:
        messages = [Message(to, f"{to}1", b"", ordered_by="a") for to in ("hook", "other")]
        outbox.put(connection, messages, clock.time())
    sink.by_key = {"hook1": Outcome.REFUSED}

    relay.step()

    assert sink.taken == ["other1"]


@pytest.mark.parametrize("seed", range(8))
def test_however_a_sink_fails_the_order_of_each_key_is_kept(
    database: Database, outbox: Outbox, clock: ManualClock, seed: int
) -> None:
    chance = random.Random(seed)

    class Unreliable(FakeSink):
        def send(self, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
            for delivery in deliveries:
                # Never refused so often that it is given up.
                failing = [Outcome.REFUSED] if delivery.attempts < SETTINGS.refusals - 1 else []
                outcome = chance.choice([*failing, Outcome.AWAY, *[Outcome.DELIVERED] * 3])
                if outcome is Outcome.DELIVERED:
                    self.taken.append(delivery.message.key)
                yield Attempt(delivery, outcome, "no luck")
                if outcome is Outcome.AWAY and chance.random() < 0.5:
                    return

    sink = Unreliable()
    relays = [Relay(database, outbox, sink, SETTINGS, clock) for _ in range(2)]
    for number in range(10):
        put_ordered(database, outbox, clock, *(f"{key}{number:02}" for key in "abcd"))
        chance.choice(relays).step()
        clock.advance(chance.random() * 3)
    for _ in range(400):
        chance.choice(relays).step()
        clock.advance(chance.random() * 3)
        if len(sink.taken) == 40:
            break

    for key in "abcd":
        assert [one for one in sink.taken if one[0] == key] == [f"{key}{n:02}" for n in range(10)]


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


def test_what_waits_is_counted_every_five_seconds_however_often_the_relay_looks(
    relay: Relay, database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock
) -> None:
    sink.outcome = Outcome.AWAY
    relay.step()
    put(database, outbox, clock, "a", "b", "c")
    seen = []
    for _ in range(6):
        relay.step()
        seen.append(relay.state.waiting)
        clock.advance(1.0)

    assert seen == [0, 0, 0, 0, 0, 3]


def test_old_messages_go_when_they_are_settled_and_no_others(
    relay: Relay, database: Database, outbox: Outbox, sink: FakeSink, clock: ManualClock
) -> None:
    put(database, outbox, clock, "delivered", "given up", "waiting")
    sink.by_key = {"given up": Outcome.REFUSED, "waiting": Outcome.AWAY}
    for _ in range(20):
        relay.step()
        clock.advance(10)
    retention = Retention(database, outbox.rules(1.0, 2.0), RetentionSettings(), clock=clock)

    assert retention.purge() == {"outbox_delivered": 0, "outbox_given_up": 0}
    clock.advance(DAY_S)
    assert retention.purge() == {"outbox_delivered": 1, "outbox_given_up": 0}
    clock.advance(DAY_S)
    assert retention.purge() == {"outbox_delivered": 0, "outbox_given_up": 1}
    clock.advance(1_000 * DAY_S)
    assert sum(retention.purge().values()) == 0

    assert backlog(database, outbox) == Backlog(waiting=1)


def test_two_relays_at_the_same_time_keep_the_order_of_each_key(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    keys = [f"{key}{number:02}" for number in range(20) for key in "abc"]
    put_ordered(database, outbox, clock, *keys)
    sink = FakeSink()  # Both append to one list, in the order in which the receiver sees them.

    def drain() -> None:
        relay = Relay(database, outbox, sink, SETTINGS, clock)
        while len(sink.taken) < len(keys):
            relay.step()

    threads = [threading.Thread(target=drain) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for key in "abc":
        assert [one for one in sink.taken if one[0] == key] == [
            one for one in keys if one[0] == key
        ]


def test_messages_of_before_the_migration_are_numbered_in_their_order(database: Database) -> None:
    old = sa.MetaData()
    columns = [column for column in TABLE.c if column.name != "seq"]
    table = sa.Table(
        "outbox", old, *(sa.Column(c.name, c.type, primary_key=c.primary_key) for c in columns)
    )
    with database.write() as connection:
        old.create_all(connection)
        connection.exec_driver_sql("CREATE INDEX outbox_open ON outbox (sink)")
        connection.exec_driver_sql("CREATE UNIQUE INDEX outbox_key ON outbox (sink, key)")
        rows: list[dict[str, object]] = [
            {"id": one, "sink": "hook", "key": one, "headers": {}, "ordered_by": "k", "due_at": 0.0}
            for one in ("b", "c", "a")
        ]
        connection.execute(table.insert(), [{**row, "attempts": 0} for row in rows])
        with Operations.context(MigrationContext.configure(connection)):
            add_order()
    outbox, clock = Outbox(TABLE), ManualClock()
    put_ordered(database, outbox, clock, "k1")

    found: list[str] = []
    while batch := claim(database, outbox, clock):
        found.extend(one.message.key for one in batch)
        with database.write() as connection:
            outbox.delivered(connection, [one.id for one in batch], clock.time())

    assert found == ["a", "b", "c", "k1"]


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


def test_an_attempt_that_is_overdue_is_told_of_while_it_lasts(
    database: Database, outbox: Outbox, clock: ManualClock
) -> None:
    states: list[RelayState] = []

    class Slow(FakeSink):
        def send(self, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
            for attempt in super().send(deliveries):
                for seconds in (4, 3):
                    clock.advance(seconds)
                    states.append(relay.state)
                    overdue.append(REGISTRY.get_sample_value(_OVERDUE, {"sink": "hook"}))
                yield attempt

    overdue: list[float | None] = []
    relay = Relay(database, outbox, Slow(), SETTINGS, clock)
    put(database, outbox, clock, "a")

    relay.step()

    late = "an attempt has taken 7 s already (limit 5 s)"
    assert [state.error for state in states] == [None, late]
    assert states[1].failing_since_s == clock.time() - 2
    assert overdue == [0.0, 2.0]
    assert relay.state.error is None


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
