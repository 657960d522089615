"""`banyan purge`: what is old goes, the file shrinks, and a running platform is left alone."""

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.cli.platform.run_file import StateFolder
from services.cli.settings import DEPLOYMENT_FILE, read_deployment, resolve_platform
from services.cli.state.purge import delete_old
from services.recommendation.config import RecommendationSettings
from services.recommendation.database import open_database as open_recommendation
from services.recommendation.payloads import NewEvent
from services.recommendation.rankings.snapshots import Snapshots
from services.recommendation.reading import FeedbackReader
from services.recommendation.store import FeedbackStore
from services.sentiment.config import SentimentSettings
from services.sentiment.service import open_database
from services.sentiment.tables import (
    LEDGER,
)
from services.support.config import SupportSettings
from services.support.database import open_database as open_support
from services.support.documents import DocumentStore
from services.support.unanswered.store import Asked, UnansweredStore
from shared.clock import ManualClock
from shared.errors import ConflictError
from shared.ranking.events import ItemEvent
from shared.storage.retention import DAY_S


def run(state_dir: Path) -> list[str]:
    deployment = read_deployment(DEPLOYMENT_FILE)
    environ = {"BANYAN_STATE_DIR": str(state_dir)}
    return list(delete_old(deployment, resolve_platform(deployment, environ, {}).settings))


def put(state_dir: Path) -> None:
    database = open_database(SentimentSettings(state_dir=state_dir))
    now_s = time.time()
    rows = [
        {
            "topic_id": "t",
            "partition": 0,
            "offset": number,
            "reason": "bad-json",
            "detail": "",
            "value": b"x" * 10_000,
            "stored_at": now_s - number * DAY_S,
        }
        for number in range(100)
    ]
    with database.write() as connection:
        connection.execute(LEDGER.dead_letters.insert(), rows)
    database.close()


def test_what_is_old_goes_and_the_file_shrinks(tmp_path: Path) -> None:
    put(tmp_path)
    before = (tmp_path / "sentiment.db").stat().st_size

    lines = run(tmp_path)

    assert "sentiment: deleted 69 dead_letter" in lines or (
        "sentiment: deleted 70 dead_letter" in lines
    )
    assert "recommendation: deleted nothing" in lines
    assert (tmp_path / "sentiment.db").stat().st_size < before / 2
    database = open_database(SentimentSettings(state_dir=tmp_path))
    with database.read() as connection:
        kept = connection.execute(sa.select(sa.func.max(LEDGER.dead_letters.c.offset))).scalar_one()
    database.close()
    assert kept in (29, 30)
    assert "sentiment: deleted nothing" in run(tmp_path)


def test_questions_that_were_not_asked_for_long_go(tmp_path: Path) -> None:
    settings = SupportSettings(state_dir=tmp_path)
    database = open_support(settings)
    store = UnansweredStore(database, settings.max_unanswered)
    uid = DocumentStore(database).create("default", "shop").uid
    now_s = time.time()
    for number, days in enumerate((100, 91, 89)):
        at_s = now_s - days * DAY_S
        store.add([Asked("default", uid, f"q{number}", [], "handoff", None, 0.0, [], at_s)])
    database.close()

    assert "support: deleted 2 unanswered" in run(tmp_path)

    database = open_support(settings)
    kept = UnansweredStore(database, 1).page("default", None, "", 10)
    database.close()
    assert [one.question for one in kept] == ["q2"]


@pytest.mark.parametrize("saved", [None, 3])
def test_old_events_go_that_a_snapshot_has(tmp_path: Path, saved: int | None) -> None:
    settings = RecommendationSettings(state_dir=tmp_path)
    database = open_recommendation(settings)
    old = ManualClock(time.time() - 1000 * DAY_S)
    events = [ItemEvent(f"e{n}", 1_700_000_000_000, f"i{n}") for n in range(5)]
    FeedbackStore(database, old).store([NewEvent.of("default", event) for event in events])
    reader = FeedbackReader(database)
    if saved is not None:
        snapshots = Snapshots(settings.snapshots_dir, reader, settings.state, 1)
        snapshots.save(saved, {})
        snapshots.wait(60.0)
    database.close()

    lines = run(tmp_path)

    deleted = "nothing" if saved is None else f"{saved - 1} event"
    assert f"recommendation: deleted {deleted}" in lines
    database = open_recommendation(settings)
    assert FeedbackReader(database).first_seq() == (saved or 1)
    database.close()


def test_while_the_platform_runs_nothing_is_touched(tmp_path: Path) -> None:
    put(tmp_path)
    with StateFolder(tmp_path).locked(), pytest.raises(ConflictError, match="runs already"):
        run(tmp_path)
