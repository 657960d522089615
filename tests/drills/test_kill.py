"""Short forms of the drills: members killed and frozen, poison among the records.

The whole drills are commands: see `tests.drills.kill`, `tests.drills.nodes`, `tests.drills.poison`.
"""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared.storage.database import Database, sqlite_url
from tests.drills import kill, poison
from tests.drills.disturbances import Wishes
from tests.drills.hosting import open_database, running_stream
from tests.drills.outcome import DatabaseContent, is_settled, read_outcome, stored
from tests.drills.plan import ConsumerPlan
from tests.drills.report import Report
from tests.drills.tweets import FILE, produce, tweets
from tests.harness.data import DATA
from tests.harness.memory_broker import MemoryBroker
from tests.harness.places import BrokerKind, DatabaseKind, missing
from tests.harness.waiting import wait_for

RECORDS = 3_000
SEED = int(os.environ.get("BANYAN_TEST_SEED", "7"))
WAIT_S = 60.0

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(
        not (DATA / FILE).is_file(), reason=f"no real data: set BANYAN_DATA_DIR ({DATA / FILE})"
    ),
]


def skip_where_missing(broker: BrokerKind, database: DatabaseKind) -> None:
    if reason := missing(broker, database):
        pytest.skip(reason)


@pytest.mark.drill
@pytest.mark.parametrize(("broker", "database"), [("embedded", "sqlite"), ("kafka", "postgresql")])
def test_killed_and_frozen_consumers_change_nothing(
    broker: BrokerKind, database: DatabaseKind, tmp_path: Path
) -> None:
    skip_where_missing(broker, database)
    drill = kill.Drill(
        broker,
        database,
        Wishes(kills=3, freezes=1),
        records=RECORDS,
        session_timeout_s=3.0,
        text_s=0.001,
        seed=SEED,
    )
    report = kill.run(drill, tmp_path)
    assert report.is_met, [*report.notes, *report.faults]


@pytest.mark.parametrize("broker", ["embedded", pytest.param("kafka", marks=pytest.mark.drill)])
def test_poison_is_dead_letters_and_delays_nobody(broker: BrokerKind, tmp_path: Path) -> None:
    skip_where_missing(broker, "sqlite")
    drill = poison.Drill(broker, "sqlite", records=1_200, per_second=300, seed=SEED)
    report = poison.run(drill, tmp_path)
    assert report.is_met, [*report.notes, *report.faults]


def test_members_that_end_before_their_commits_change_nothing(tmp_path: Path) -> None:
    """In memory there is no process to kill; what is stored and not committed is read again."""
    broker = MemoryBroker()
    topic = "news"
    produce(broker.producer(), topic, tweets(RECORDS))

    def finish(group: str, database: Database, members: int) -> DatabaseContent:
        with ExitStack() as stack:
            for _ in range(members):
                stack.enter_context(stream(group, database))
            wait_for(lambda: is_settled(database, RECORDS), timeout_s=WAIT_S, what="the end")
            return read_outcome(database)

    def stream(group: str, database: Database) -> ExitStack:
        plan = ConsumerPlan(
            bootstrap="memory:0", topic=topic, group=group, database_url="", text_s=0.0005
        )
        stack = ExitStack()
        stack.enter_context(
            running_stream(
                plan, database, consumer=broker.consumer(topic, group), producer=broker.producer()
            )
        )
        return stack

    with (
        open_database(sqlite_url(tmp_path / "calm.db")) as calm,
        open_database(sqlite_url(tmp_path / "disturbed.db")) as disturbed,
    ):
        expected = finish("calm", calm, 1)
        for share in (0.2, 0.4, 0.6):
            broker.away_for_commits = True
            with stream("disturbed", disturbed), stream("disturbed", disturbed):
                wait_for(
                    lambda share=share: stored(disturbed) >= share * RECORDS,  # type: ignore[misc]
                    timeout_s=WAIT_S,
                    what=f"{share:.0%} of the records",
                )
            broker.away_for_commits = False
        found = finish("disturbed", disturbed, 2)
    report = Report()
    report.equal("inbox", RECORDS, len({row[:3] for row in found.inbox}))
    report.same_outcome(expected, found)
    assert report.is_met, report.faults
    assert expected.fired >= 10
