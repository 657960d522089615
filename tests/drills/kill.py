"""Consumers and broker are killed and frozen; the result is that of a run that was left alone.

    python -m tests.drills.kill --broker kafka|embedded --database sqlite|postgresql \
        [--records 20000] [--partitions 6] [--consumers 2] [--seed N]

20,000 tweets are written to 6 partitions. One consumer reads them undisturbed into a database of
its own. Two others read them into another one, while at random moments a consumer is killed 10
times and frozen past its session 3 times, and the broker is killed once (not the embedded one,
which keeps everything in memory). Both databases must then hold the same; the exit code is 1
where they do not.
"""

import argparse
import json
import random
import sys
import tempfile
import time
import uuid
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from shared.storage.database import Database
from shared.streaming.kafka.consumer import KafkaTopicConsumer
from shared.streaming.kafka.producer import KafkaTopicProducer
from shared.streaming.settings import KafkaSettings
from tests.drills.disturbances import Disturber, Wishes, watch
from tests.drills.hosting import open_database
from tests.drills.members import members
from tests.drills.outcome import DatabaseContent, read_outcome, stored, unsettled
from tests.drills.plan import ConsumerPlan
from tests.drills.report import Report
from tests.drills.tweets import produce, tweets
from tests.harness.places import BrokerKind, Cluster, DatabaseKind, broker, database_url, missing
from tests.harness.receiver import Received, receiver

STALL_S = 120.0
_READ_S = 30.0


@dataclass(frozen=True)
class Drill:
    """How a drill is run; `text_s` is what the disturbed consumers take for a text."""

    broker: BrokerKind
    database: DatabaseKind
    wishes: Wishes
    records: int = 20_000
    partitions: int = 6
    consumers: int = 2
    nodes: int = 1
    session_timeout_s: float = 6.0
    text_s: float = 0.002
    seed: int = 0


def run(drill: Drill, folder: Path) -> Report:
    """Runs a drill in a folder, and compares."""
    with broker(drill.broker, folder, nodes=drill.nodes) as cluster:
        plan = ConsumerPlan(
            bootstrap=cluster.bootstrap,
            topic=f"news-{uuid.uuid4().hex[:8]}",
            group="undisturbed",
            database_url="",
            session_timeout_ms=int(1000 * drill.session_timeout_s),
            partitions=drill.partitions,
        )
        with closing(KafkaTopicProducer(plan.kafka)) as producer:
            produce(producer, plan.topic, tweets(drill.records))
        expected, undisturbed_s = _undisturbed(drill, plan, folder / "undisturbed")
        report = Report()
        report.notes.append(f"undisturbed: {undisturbed_s:.1f} s, {expected.fired} alerts fired")
        _disturbed(drill, plan, cluster, expected, report, folder / "disturbed")
    return report


def _undisturbed(drill: Drill, plan: ConsumerPlan, folder: Path) -> tuple[DatabaseContent, float]:
    """One consumer alone, always into SQLite: the result must not depend on the database."""
    begun_s = time.monotonic()
    calm = replace(drill, wishes=Wishes(0, 0, 0), database="sqlite")
    with (
        database_url("sqlite", folder) as url,
        open_database(url) as database,
        receiver(drill.seed) as (webhook_url, _),
        members(
            plan.model_copy(update={"database_url": url, "webhook_url": webhook_url}), 1, folder
        ) as team,
    ):
        _watch(calm, database, Disturber.of(calm.wishes, 0, 0, team, None, session_timeout_s=0))
        return read_outcome(database), time.monotonic() - begun_s


def _disturbed(
    drill: Drill,
    plan: ConsumerPlan,
    cluster: Cluster,
    expected: DatabaseContent,
    report: Report,
    folder: Path,
) -> None:
    begun_s = time.monotonic()
    with (
        database_url(drill.database, folder) as url,
        open_database(url) as database,
        receiver(drill.seed) as (webhook_url, received),
    ):
        changes = {
            "group": "disturbed",
            "database_url": url,
            "webhook_url": webhook_url,
            "text_s": drill.text_s,
        }
        mine = plan.model_copy(update=changes)
        with members(mine, drill.consumers, folder) as team:
            disturber = Disturber.of(
                drill.wishes,
                drill.records,
                drill.seed,
                team,
                cluster.kafka,
                session_timeout_s=drill.session_timeout_s,
            )
            _watch(drill, database, disturber)
        found = read_outcome(database)
        report.notes += disturber.notes
        report.notes.append(f"disturbed: {time.monotonic() - begun_s:.1f} s")
        _compare(drill, expected, found, report)
        _check_messages(mine, found, received, report)


def _watch(drill: Drill, database: Database, disturber: Disturber) -> None:
    watch(
        lambda: stored(database),
        lambda: unsettled(database, drill.records),
        disturber,
        stall_s=STALL_S,
    )


def _compare(
    drill: Drill, expected: DatabaseContent, found: DatabaseContent, report: Report
) -> None:
    identities = {row[:3] for row in found.inbox}
    report.equal("unique (topic id, partition, offset)", drill.records, len(identities))
    report.equal("rows in the inbox", drill.records, len(found.inbox))
    report.equal("scores", drill.records, len(found.scores))
    report.same_outcome(expected, found)
    report.equal("at least 10 alerts have fired", True, found.fired >= 10)


def _check_messages(
    plan: ConsumerPlan, found: DatabaseContent, received: Received, report: Report
) -> None:
    """The webhooks, and the same alerts on the broker's topic."""
    report.same_rows(
        "webhooks: distinct keys are the notified states",
        [(key,) for key in found.notified],
        [(key,) for key in received.bodies],
    )
    unsaid = found.notified - received.acknowledged
    report.equal("webhooks: every notified state acknowledged", 0, len(unsaid))
    several = sum(len(set(bodies)) > 1 for bodies in received.bodies.values())
    report.equal("webhooks: keys with several bodies", 0, several)
    report.notes.append(
        f"webhooks: {received.requests} taken for {len(received.bodies)} keys, "
        f"{received.refused} refused with 503, {received.unanswered} not answered"
    )
    events = _events_of(plan.kafka, plan.sentiment.alerts_topic, len(found.notified))
    report.same_rows(
        "topic of alerts: distinct events are the notified states",
        [(key,) for key in found.notified],
        [(event,) for event in events],
    )


def _events_of(kafka: KafkaSettings, topic: str, wanted: int) -> set[str]:
    """The distinct ids of a topic's CloudEvents, all that there are."""
    events: set[str] = set()
    deadline_s = time.monotonic() + _READ_S
    with closing(KafkaTopicConsumer(kafka, topic, "drill")) as consumer:
        while time.monotonic() < deadline_s:
            records = consumer.poll(0.5, 1000)
            events |= {json.loads(record.value or b"{}")["id"] for record in records}
            places = consumer.progress()
            is_read = not records and all(place.caught_up for place in places.values())
            if is_read and len(places) == len(consumer.partitions()) and len(events) >= wanted:
                break
    return events


def main() -> int:
    """Reads the command line, runs the drill and prints what held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", choices=["kafka", "embedded"], default="kafka")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--partitions", type=int, default=6)
    parser.add_argument("--consumers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    arguments = parser.parse_args()
    if reason := missing(arguments.broker, arguments.database):
        parser.error(reason)
    drill = Drill(
        broker=arguments.broker,
        database=arguments.database,
        wishes=Wishes(broker_kills=1 if arguments.broker == "kafka" else 0),
        records=arguments.records,
        partitions=arguments.partitions,
        consumers=arguments.consumers,
        seed=arguments.seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        report = run(drill, Path(folder))
    report.show(
        f"kill drill: {drill.records} records, {drill.broker}, {drill.database}, seed {drill.seed}"
    )
    return 0 if report.is_met else 1


if __name__ == "__main__":
    sys.exit(main())
