"""The sample shop: well-formed, varied, and its behaviour is what the stated simulator makes."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from pipelines.ranking.simulate import main, simulate
from services.recommendation.incoming import EVENT

SAMPLE = Path(__file__).parents[3] / "services/recommendation/sample"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / name).read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def items() -> list[dict[str, Any]]:
    return rows("items.jsonl")


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return rows("events.jsonl")


def fields(item: dict[str, Any]) -> dict[str, Any]:
    return {field["name"]: field["value"] for field in item["fields"]}


def test_the_behaviour_is_what_the_simulator_makes_of_the_items(tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"

    assert main(["--out", str(out)]) == 0

    assert out.read_bytes() == (SAMPLE / "events.jsonl").read_bytes()


def test_another_seed_makes_other_behaviour(items: list[dict[str, Any]]) -> None:
    assert simulate(items, seed=1) != simulate(items, seed=2)


def test_every_line_is_an_event_with_an_id_of_its_own(
    items: list[dict[str, Any]], events: list[dict[str, Any]]
) -> None:
    for event in (*items, *events):
        EVENT.validate_python(event)
    assert len({event["id"] for event in (*items, *events)}) == len(items) + len(events)


def test_the_catalogue_is_large_varied_and_described(items: list[dict[str, Any]]) -> None:
    found = [fields(item) for item in items]
    categories = Counter(item["category"] for item in found)

    assert len(items) >= 300
    assert len(categories) >= 12
    assert min(categories.values()) >= 15
    assert len({item["title"] for item in found}) == len(items)
    assert all(8 <= len(item["description"].split()) <= 60 for item in found)
    assert any(item["available"] is False for item in found)
    # No template: hardly two descriptions begin alike, and none shares a run of six words.
    begins = Counter(" ".join(item["description"].split()[:3]).lower() for item in found)
    assert max(begins.values()) <= 2
    runs = Counter(
        run
        for item in found
        for words in [item["description"].lower().split()]
        for run in {tuple(words[at : at + 6]) for at in range(len(words) - 5)}
    )
    assert max(runs.values()) == 1


def test_events_name_what_is_there_at_the_time(
    items: list[dict[str, Any]], events: list[dict[str, Any]]
) -> None:
    since = {item["item"]: item["timestamp"] for item in items}
    available = {item["item"] for item in items if fields(item)["available"]}
    users = {event["user"] for event in events if event["event"] == "user"}
    rankings = {event["id"]: event for event in events if event["event"] == "ranking"}

    assert [event["timestamp"] for event in events] == sorted(e["timestamp"] for e in events)
    for event in events:
        if event["event"] == "user":
            continue
        named = [one["id"] for one in event.get("items", [])] or [event["item"]]
        assert set(named) <= available
        assert all(since[item] <= event["timestamp"] for item in named)
        assert event.get("user") is None or event["user"] in users
        if ranking := rankings.get(event.get("ranking")):
            assert event["item"] in [one["id"] for one in ranking["items"]]
            assert event["timestamp"] > ranking["timestamp"]


def test_the_behaviour_has_tastes_position_bias_and_drift(
    items: list[dict[str, Any]], events: list[dict[str, Any]]
) -> None:
    category = {item["item"]: fields(item)["category"] for item in items}
    shown = {e["id"]: [i["id"] for i in e["items"]] for e in events if e["event"] == "ranking"}
    clicks = [event for event in events if event.get("type") == "click"]

    places = Counter(shown[click["ranking"]].index(click["item"]) for click in clicks)
    assert places[0] > 2 * places[7]

    by_user: dict[str, Counter[str]] = defaultdict(Counter)
    for click in clicks:
        if "user" in click:
            by_user[click["user"]][category[click["item"]]] += 1
    busy = [counts for counts in by_user.values() if counts.total() >= 15]
    shares = [max(counts.values()) / counts.total() for counts in busy]
    everybody = Counter(category[click["item"]] for click in clicks)
    assert len(busy) > 10
    assert sum(shares) / len(shares) > 2 * max(everybody.values()) / everybody.total()

    middle = events[len(events) // 2]["timestamp"]
    early = Counter(click["item"] for click in clicks if click["timestamp"] < middle)
    late = Counter(click["item"] for click in clicks if click["timestamp"] >= middle)
    leaders = {item for item, _ in early.most_common(20)}
    assert 1 <= len(leaders & {item for item, _ in late.most_common(20)}) < 15
