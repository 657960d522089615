"""How event time moves: by records, bounded by their arrival, and by silence; on every database."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import services.sentiment.migrations
from services.sentiment.alerts.record import AlertRecord
from services.sentiment.analysis.finder import Finder
from services.sentiment.analysis.texts import Analyst
from services.sentiment.config import SentimentSettings
from services.sentiment.reading import NewsReader, event_time
from services.sentiment.records import NewsRecords
from services.sentiment.store import NewsStore
from services.sentiment.tables import (
    ARTICLE,
    LEDGER,
)
from shared.clock import ManualClock
from shared.sentiment.gazetteer import Gazetteer
from shared.sentiment.surge import SurgeDetector
from shared.sentiment.watermark import Watermark
from shared.storage.database import Database
from shared.storage.migrations import migrate
from shared.streaming.application import RecordHandler
from shared.streaming.consumer import StreamProgress
from shared.streaming.dead_letters import DeadLetterLimit
from shared.streaming.message import Record
from tests.harness.loop import loop_in_thread
from tests.harness.memory_broker import MemoryBroker
from tests.harness.sentiment.fakes import FakeTrunk
from tests.harness.sentiment.made import START_S, surge, value

MIGRATIONS = Path(services.sentiment.migrations.__file__).parent
QUIET_S = SentimentSettings().surge.quiet_s
WINDOW_S = SentimentSettings().surge.window_s
OLD_S = 1_430_467_200.0  # 2015-05-01, 08:00 UTC.


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in another thread, as a replica has it."""
    with loop_in_thread() as loop:
        yield loop


class Host:
    """A member of the group whose turns are taken by hand."""

    def __init__(
        self,
        broker: MemoryBroker,
        database: Database,
        loop: asyncio.AbstractEventLoop,
        clock: ManualClock,
    ) -> None:
        settings = SentimentSettings()
        self._consumer = broker.consumer(settings.topic, settings.group)
        store = NewsStore(
            database,
            SurgeDetector(settings.surge),
            allowed_lateness_s=settings.allowed_lateness_s,
            max_skew_s=settings.max_skew_s,
            has_webhook=False,
            clock=clock,
        )
        analyst = Analyst(FakeTrunk(), Finder(Gazetteer([])), settings.tasks, clock)
        records = NewsRecords(settings, analyst, store, loop, clock)
        limit = DeadLetterLimit(settings.max_dead_letters)
        self._handler = RecordHandler(records, clock, lambda: None, limit)

    def poll(self) -> list[Record]:
        return self._consumer.poll(0.0, 10_000)

    def store(self, records: Sequence[Record]) -> None:
        self._handler.store(self._handler.prepare(records), self._progress())

    def turn(self) -> None:
        """Stores what has come, or notes that nothing comes."""
        if records := self.poll():
            self.store(records)
        else:
            self._handler.idle(self._progress())

    def close(self) -> None:
        self._consumer.close()

    def _progress(self) -> StreamProgress:
        consumer = self._consumer
        return StreamProgress(
            consumer.topic, consumer.topic_id, consumer.partitions(), consumer.progress()
        )


class Stage:
    """A broker of two partitions, a database, and hosts that read at the pace of one clock."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        migrate(database, MIGRATIONS)
        self.clock = ManualClock(START_S)
        self.broker = MemoryBroker(partitions=2)
        self.database = database
        self._loop = loop
        self._sent = 0
        self.hosts = [self.new_host()]

    def new_host(self) -> Host:
        return Host(self.broker, self.database, self._loop, self.clock)

    def send(
        self,
        entity: str,
        *,
        partition: int = 0,
        at: float | None = None,
        text: str = "{} plunges",
    ) -> None:
        """A record dated `at`, now by default, whose Kafka time stamp says the same."""
        published_at = self.clock.time() if at is None else at
        self._sent += 1
        producer = self.broker.producer()
        content = value(
            id=f"{self._sent}",
            published_at=published_at,
            text=text.format(entity),
            entities=[entity],
        )
        stamp_ms = int(published_at * 1000)
        producer.send("news", content, partition=partition, timestamp_ms=stamp_ms)
        producer.flush(1.0)

    def pass_time(self, seconds: float, step_s: float = 20.0) -> None:
        """Lets the clock go on, with a turn of every host in each step."""
        left_s = seconds
        while left_s > 0:
            self.clock.advance(min(step_s, left_s))
            left_s -= step_s
            for host in self.hosts:
                host.turn()

    def surge(self, entity: str, partition: int) -> None:
        """Bad news each eight seconds for three minutes and more."""
        for _ in range(24):
            self.send(entity, partition=partition)
            self.pass_time(8.0)

    def alert(self, entity: str) -> AlertRecord:
        (found,) = self.alerts(entity)
        return found

    def alerts(self, entity: str) -> list[AlertRecord]:
        return NewsReader(self.database).alerts("default", state=None, entity=entity, limit=10)

    @property
    def counts(self) -> Counter[str]:
        return NewsReader(self.database).topic("news").counts

    @property
    def mark(self) -> Watermark:
        return event_time(NewsReader(self.database).topic("news"))

    def rows(self, *columns: sa.Column[object]) -> list[sa.Row[tuple[object, ...]]]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(*columns)))


@pytest.fixture
def stage(database: Database, loop: asyncio.AbstractEventLoop) -> Stage:
    return Stage(database, loop)


EARLY_S = 58 * 60.0


@pytest.mark.parametrize("is_append_time", [False, True])
def test_after_one_early_record_alerts_fire_on_its_partition_and_on_others(
    stage: Stage, is_append_time: bool
) -> None:
    stage.broker.append_clock = stage.clock if is_append_time else None
    stage.send("Early", at=stage.clock.time() + EARLY_S)
    stage.pass_time(5.0)

    stage.surge("Acme", partition=0)
    stage.surge("Bolt", partition=1)
    stage.pass_time(60.0)

    assert stage.counts["late"] == 0
    for entity in ("Acme", "Bolt"):
        alert = stage.alert(entity)
        assert alert.state == "firing"
        assert alert.fired_at is not None
        assert START_S < alert.fired_at <= stage.clock.time()


def test_an_early_record_ends_no_alert(stage: Stage) -> None:
    stage.surge("Acme", partition=0)
    stage.surge("Bolt", partition=1)

    stage.send("Early", at=stage.clock.time() + EARLY_S)
    stage.pass_time(60.0)

    assert [stage.alert(entity).state for entity in ("Acme", "Bolt")] == ["firing"] * 2
    assert stage.mark.time is not None
    assert stage.mark.time <= stage.clock.time() + SentimentSettings().max_skew_s


def test_an_early_record_is_scored_under_its_own_date_and_counts_as_of_its_arrival(
    stage: Stage,
) -> None:
    early_s = stage.clock.time() + EARLY_S
    stage.send("Early", at=early_s)
    stage.pass_time(1.0)

    skew_s = SentimentSettings().max_skew_s
    rows = stage.rows(ARTICLE.c.published_at, ARTICLE.c.effective_at, ARTICLE.c.late)
    assert rows == [(early_s, stage.clock.time() + skew_s, False)]
    assert stage.rows(LEDGER.inbox.c.arrived_at) == [(stage.clock.time(),)]


def test_a_record_dated_too_far_ahead_of_its_arrival_is_a_dead_letter(stage: Stage) -> None:
    stage.send("Early", at=stage.clock.time() + 3_700)
    stage.pass_time(1.0)

    assert (stage.counts["dead"], stage.counts["scored"]) == (1, 0)


def test_a_backlog_is_bounded_by_when_it_was_appended_and_not_by_when_it_is_read(
    stage: Stage,
) -> None:
    stage.broker.append_clock = stage.clock
    appended_s = stage.clock.time()
    stage.send("Early", at=appended_s + EARLY_S)
    stage.send("Earlier", at=appended_s + 3_601.0)
    stage.clock.advance(3_600.0)
    stage.pass_time(1.0)

    latest_s = appended_s + SentimentSettings().max_skew_s
    assert stage.rows(ARTICLE.c.effective_at) == [(latest_s,)]
    assert stage.rows(LEDGER.inbox.c.arrived_at) == [(appended_s,)] * 2
    assert stage.counts["dead"] == 1


def test_the_first_storing_decides_when_a_record_arrived(stage: Stage) -> None:
    """A member that polls and is killed has decided nothing; a repeat changes nothing."""
    killed = stage.hosts.pop()
    stage.send("Early", at=stage.clock.time() + EARLY_S)
    killed.poll()
    killed.close()
    stage.clock.advance(100.0)
    stage.hosts.append(stage.new_host())
    stage.pass_time(1.0)
    stored_s = stage.clock.time()
    first = [*stage.rows(ARTICLE.c.effective_at), *stage.rows(LEDGER.inbox.c.arrived_at)]

    stage.hosts.pop().close()
    stage.clock.advance(1_000.0)
    stage.hosts.append(stage.new_host())
    again = stage.hosts[0]
    records = again.poll()  # Nothing was committed: it is read again.
    assert len(records) == 1
    again.store(records)

    assert [*stage.rows(ARTICLE.c.effective_at), *stage.rows(LEDGER.inbox.c.arrived_at)] == first
    assert first[1] == (stored_s,)


def test_a_surge_that_is_over_resolves_in_silence(stage: Stage) -> None:
    stage.surge("Acme", partition=0)
    last_s = stage.clock.time()
    assert stage.alert("Acme").state == "firing"

    stage.pass_time(QUIET_S)
    assert stage.alert("Acme").state == "firing"
    while stage.alert("Acme").state == "firing":
        assert stage.clock.time() < last_s + QUIET_S + WINDOW_S + 60.0
        stage.pass_time(20.0)

    alert = stage.alert("Acme")
    assert alert.resolved_at is not None
    assert alert.resolved_at > last_s + QUIET_S
    # Event time is no further than the clock on the wall, and two looks behind it at most.
    assert stage.clock.time() - 60.0 <= alert.resolved_at <= stage.clock.time()


def test_silence_is_remembered_and_time_when_nobody_read_is_no_silence(stage: Stage) -> None:
    stage.surge("Acme", partition=0)
    stage.pass_time(600.0)
    before = stage.mark.time
    assert before is not None

    stage.hosts.pop().close()
    stage.clock.advance(7_200.0)
    stage.hosts.append(stage.new_host())
    stage.pass_time(60.0)

    after = stage.mark.time
    assert after is not None
    assert before < after <= before + 60.0
    assert stage.alert("Acme").state == "firing"
    stage.pass_time(QUIET_S + WINDOW_S - 600.0 + 120.0)
    assert stage.alert("Acme").state == "resolved"


def test_a_process_that_was_frozen_saw_no_silence(stage: Stage) -> None:
    stage.surge("Acme", partition=0)
    stage.pass_time(200.0)
    before = stage.mark.time
    assert before is not None

    stage.clock.advance(7_200.0)
    stage.pass_time(60.0)

    after = stage.mark.time
    assert after is not None
    assert before < after <= before + 60.0
    assert stage.alert("Acme").state == "firing"


def test_a_short_silence_changes_nothing(stage: Stage) -> None:
    stage.surge("Acme", partition=0)
    stage.pass_time(5.0)
    before = stage.mark

    stage.pass_time(50.0)

    assert stage.mark == before


def test_what_another_member_has_under_way_is_no_silence(stage: Stage) -> None:
    """One of two members has polled bad news and waits for the trunk for most of an hour."""
    stage.hosts.append(stage.new_host())
    stage.pass_time(3.0)
    stage.surge("Acme", partition=0)
    stage.pass_time(200.0)
    waiting = stage.hosts.pop()
    stage.send("Acme", partition=1)
    (record,) = waiting.poll()
    before = stage.mark.time
    assert before is not None

    stage.pass_time(QUIET_S + WINDOW_S + 120.0)

    assert stage.alert("Acme").state == "firing"
    assert stage.mark.time == before
    waiting.store([record])
    stage.hosts.append(waiting)
    stage.pass_time(QUIET_S + WINDOW_S + 120.0)
    assert stage.alert("Acme").state == "resolved"


def test_silence_goes_on_where_a_broker_began_again(stage: Stage) -> None:
    """The embedded broker keeps nothing: after a start its topic is another, and empty."""
    stage.surge("Acme", partition=0)
    stage.pass_time(10.0)

    stage.broker.recreate("news")
    stage.pass_time(QUIET_S + WINDOW_S + 120.0)

    assert stage.alert("Acme").state == "resolved"


def test_a_trickle_of_old_news_holds_no_alert(stage: Stage) -> None:
    stage.surge("Acme", partition=0)
    old_s = stage.clock.time() - 3_600

    for number in range(50):
        stage.send("Other", partition=1, at=old_s + number, text="{} says something")
        stage.pass_time(100.0)

    assert stage.alert("Acme").state == "resolved"
    assert stage.counts["late"] == 0


@pytest.fixture
def replay(stage: Stage) -> Callable[[Sequence[float]], list[AlertRecord]]:
    """Sends the news of a day of 2015 at 100 times their speed, with pauses of ten minutes."""

    def send_all(pauses_after_s: Sequence[float]) -> list[AlertRecord]:
        left = list(pauses_after_s)
        passed_s = 0.0
        for number, (time_s, entities) in enumerate(surge()):
            if time_s - passed_s >= 200.0:
                stage.pass_time((time_s - passed_s) / 100)
                passed_s = time_s
            if left and time_s > left[0]:
                left.pop(0)
                stage.pass_time(600.0)
            text = "{} plunges" if entities["Acme"] == "negative" else "{} says something"
            stage.send("Acme", partition=number % 2, at=OLD_S + time_s, text=text)
        stage.pass_time(10.0)
        return stage.alerts("Acme")

    return send_all


@pytest.mark.parametrize("pauses_after_s", [(), (4 * 3600,), (4 * 3600, 8 * 3600 + 1800)])
def test_old_news_replayed_fire_and_resolve_and_none_are_late(
    stage: Stage,
    replay: Callable[[Sequence[float]], list[AlertRecord]],
    pauses_after_s: Sequence[float],
) -> None:
    (alert,) = replay(pauses_after_s)

    assert stage.counts["late"] == 0
    assert stage.counts["scored"] == len(surge())
    assert alert.state == "resolved"
    assert alert.fired_at is not None
    assert alert.resolved_at is not None
    began_s = OLD_S + 8 * 3600
    assert began_s < alert.fired_at < began_s + 1_200
    assert (
        began_s + 1_200 + QUIET_S <= alert.resolved_at < began_s + 1_200 + QUIET_S + WINDOW_S + 61
    )


def test_what_was_stored_before_arrivals_were_is_kept(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            'INSERT INTO inbox (topic_id, partition, "offset", tenant, outcome, stored_at) '
            "VALUES ('t', 0, 7, 'default', 'scored', 12.5)"
        )
        connection.exec_driver_sql(
            "INSERT INTO topic VALUES ('t', 'news', 1, 12.5, 100.0, "
            f"{'true' if database.is_shared else '1'})"
        )

    migrate(database, MIGRATIONS)

    with database.read() as connection:
        assert list(
            connection.execute(sa.select(LEDGER.inbox.c.offset, LEDGER.inbox.c.arrived_at))
        ) == [(7, 12.5)]
    figures = NewsReader(database).topic("news")
    assert event_time(figures).time == 100.0
