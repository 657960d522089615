"""Recommendation on the real platform: the sample, own files, clicks, and a kill."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from shared.storage.identifiers import new_id
from tests.harness.platform import Platform, command_of
from tests.harness.recommendation.shop import (
    feedback,
    ids,
    interaction,
    item,
    ranked,
    similar,
)
from tests.harness.waiting import wait_for

pytestmark = pytest.mark.platform

BATCH = 50


def shown(condition: Callable[[], bool], what: str, within_s: float = 1.0) -> None:
    """Waits until feedback shows that was acknowledged just now, and prints how long that took.

    `tests.benchmarks.bench_visibility` measures the same without other tests' work beside it.
    """
    begun_s = time.monotonic()
    wait_for(condition, timeout_s=within_s, what=what)
    print(f"{what}: shown after {time.monotonic() - begun_s:.3f} s")


@pytest.fixture(scope="module", autouse=True)
def ready(platform: Platform) -> None:
    wait_for(lambda: platform.ready("recommend"), timeout_s=60, what="recommend/readyz")


def test_the_sample_is_there_and_a_stranger_gets_what_is_popular(http: httpx.Client) -> None:
    found = ranked(http, new_id(), n=10)
    assert len(found) == 10
    assert len(set(ids(found))) == 10
    assert any(one["reasons"] for one in found)


def test_one_click_changes_the_ranking_at_once(http: httpx.Client) -> None:
    user = new_id()
    before = ids(ranked(http, user, n=10))
    clicked = ids(http.get("/recommend/popular", params={"n": 40}).json()["items"])[-1]
    feedback(http, interaction(user, clicked))
    # Not only within a second: the very next answer has it.
    shown(lambda: ids(ranked(http, user, n=10)) != before, "a click", within_s=0.0)
    after = ranked(http, user, n=10)
    assert clicked not in ids(after)
    assert any(reason["item"] == clicked for one in after for reason in one["reasons"])  # type: ignore[attr-defined]


def test_a_new_item_is_shown_within_a_second_and_soon_found_by_its_text(http: httpx.Client) -> None:
    category = f"instruments {new_id()}"
    first, second, third = (new_id() for _ in range(3))
    feedback(
        http,
        item(first, "Classical guitar with nylon strings", category),
        item(second, "Stainless steel frying pan", category),
    )
    shown(lambda: first in ids(ranked(http, new_id(), category=category)), "a new item")
    user = new_id()
    feedback(http, interaction(user, first, "purchase"))
    feedback(http, item(third, "Acoustic guitar for beginners", category))
    # The trunk embeds it behind what other tests have it embed: they share the platform.
    shown(lambda: third in similar(http, first), "a new item, by its text", within_s=10.0)
    assert ids(ranked(http, user, category=category)) == [third, second]


def test_given_items_come_back_once_each_and_unknown_ones_last(http: httpx.Client) -> None:
    known = ids(http.get("/recommend/popular", params={"n": 5}).json()["items"])
    asked = [*known, known[0], "nobody-knows-this"]
    body = {"id": new_id(), "user": "u", "items": [{"id": one} for one in asked]}
    found = ids(http.post("/recommend/rank/default", json=body).json()["items"])
    assert sorted(found) == sorted([*known, "nobody-knows-this"])
    assert found[-1] == "nobody-knows-this"


def test_the_same_event_counts_once(http: httpx.Client) -> None:
    event = interaction(new_id(), "some-item")
    assert feedback(http, event)["stored"] == 1
    assert feedback(http, event)["repeated"] == 1
    assert feedback(http, {**event, "item": "another-item"})["conflicts"] == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"[{", "JSON"),
        (b'[{"event": "item", "id": "a", "timestamp": -5, "item": "i"}]', "timestamp"),
        (b'{"event": "interaction", "id": "a", "timestamp": 5}', "item"),
        (b'{"event": "purchase", "id": "a", "timestamp": 5}', "event"),
    ],
)
def test_bad_events_are_refused_with_the_reason(
    http: httpx.Client, body: bytes, named: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = http.post("/recommend/feedback", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert named in answer.text


def test_files_are_loaded_and_ranked_with_reasons(
    platform: Platform, http: httpx.Client, tmp_path: Path
) -> None:
    category = f"shelf {new_id()}"
    items, events = tmp_path / "items.csv", tmp_path / "events.csv"
    lines = [f"load-{n},Novel number {n},{category},{n}.50" for n in range(20)]
    items.write_text("\n".join(["item_id,title,category,price", *lines]) + "\n")
    seconds = int(time.time()) - 60
    clicks = [f"reader-{n % 5},load-{n},{seconds + n},click" for n in range(20)]
    events.write_text("\n".join(["user_id,item_id,timestamp,type", *clicks]) + "\n")
    for _ in range(2):
        loaded = platform.command(
            "recommend", "load", "--items", str(items), "--events", str(events)
        )
        assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    found = ids(ranked(http, "reader-1", category=category, n=50))
    assert {one for one in found if one.startswith("load-")} == {
        f"load-{n}" for n in range(20) if n % 5 != 1
    }
    shown = platform.command("rank", "reader-1")
    assert shown.returncode == 0, shown.stderr


@pytest.mark.drill
def test_a_kill_loses_no_acknowledged_event(own_platform: Platform) -> None:
    """Batches are sent without a pause while the replica is killed."""
    own_platform.up("--no-sample")
    wait_for(lambda: own_platform.ready("recommend"), timeout_s=60, what="recommend/readyz")
    acknowledged: list[str] = []
    stopping = threading.Event()

    def send() -> None:
        while not stopping.is_set():
            batch = [interaction(f"user-{n}", f"item-{n}") for n in range(BATCH)]
            try:
                answer = httpx.post(
                    f"{own_platform.url}/recommend/feedback", json=batch, timeout=10
                )
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
                acknowledged.extend(str(event["id"]) for event in batch)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            wait_until = len(acknowledged) + 500
            wait_for(lambda: len(acknowledged) >= wait_until, timeout_s=60, what="feedback")  # noqa: B023
            kill_replica(own_platform)
        wait_for(lambda: own_platform.ready("recommend"), timeout_s=60, what="recommend/readyz")
    finally:
        stopping.set()
        for thread in threads:
            thread.join(30)
    again = [{**interaction("user", "item"), "id": one} for one in acknowledged]
    with httpx.Client(base_url=own_platform.url, timeout=30) as http:
        outcomes = [
            feedback(http, *again[start : start + 1000]) for start in range(0, len(again), 1000)
        ]
    assert sum(int(str(one["conflicts"])) for one in outcomes) == len(acknowledged)
    assert sum(int(str(one["stored"])) for one in outcomes) == 0


def kill_replica(platform: Platform) -> None:
    """Ends the process that serves the routes, as `kill -9` does."""
    name = "ServeReplica:recommendation:Recommendation"
    (replica,) = [p for p in platform.processes() if name in command_of(p)]
    replica.kill()
    replica.wait(10)


def test_one_process_has_the_database_open(platform: Platform) -> None:
    """SQLite takes one writer process: the one that serves reads the topic, too."""
    writers = []
    for process in platform.processes():
        try:
            paths = {Path(file.path).name for file in process.open_files()}
        except psutil.NoSuchProcess:
            continue
        if "recommendation.db" in paths:
            writers.append(command_of(process))
    assert len(writers) == 1, writers
    assert "ServeReplica:recommendation:Recommendation" in writers[0]


def test_the_topic_is_read_into_the_rankings(platform: Platform, http: httpx.Client) -> None:
    answer = http.get("/recommend/stream").json()
    assert answer["phase"] == "running"
    assert b"banyan_feedback_events_total" in http.get("/recommend/stream/metrics").content


def test_metarank_lines_are_read(http: httpx.Client) -> None:
    lines = "\n".join(json.dumps(interaction(new_id(), "some-item")) for _ in range(3))
    headers = {"content-type": "application/x-ndjson"}
    answer = http.post("/recommend/feedback", content=lines, headers=headers)
    assert answer.json()["stored"] == 3
