"""The sample's news: well-formed, varied, invented, and with one surge that the detector finds."""

import gzip
import json
import re
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import TypedDict

import pytest

from shared.sentiment.gazetteer import Gazetteer
from shared.sentiment.labels import LABELS, Label
from shared.sentiment.surge import Mention, SurgeDetector, SurgeSettings, SurgeState, Transition
from tests.harness.data import DATA

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "services/sentiment/sample"
FINANCE = DATA / "finance"
VICTIM = "Brevanor Foods"
SURGE = ("2025-03-11T11:05:00Z", "2025-03-11T11:25:00Z")


class News(TypedDict):
    id: str
    published_at: str
    source: str
    text: str


class Truth(TypedDict):
    id: str
    label: Label
    entities: dict[str, Label]


def rows(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def news() -> list[News]:
    return [json.loads(line) for line in rows(SAMPLE / "news.jsonl")]


@pytest.fixture(scope="module")
def truth() -> list[Truth]:
    return [json.loads(line) for line in rows(Path(__file__).with_name("sample_labels.jsonl"))]


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load(SAMPLE / "companies.jsonl")


def seconds(published_at: str) -> float:
    return datetime.fromisoformat(published_at).timestamp()


def transitions(
    news: list[News], labels: dict[tuple[str, str], Label]
) -> dict[str, list[Transition]]:
    """What each entity's detector says of the sample, by entity, given labels of (id, entity)."""
    detector = SurgeDetector(SurgeSettings())
    states: defaultdict[str, SurgeState] = defaultdict(SurgeState)
    found: defaultdict[str, list[Transition]] = defaultdict(list)
    of_text: defaultdict[str, list[str]] = defaultdict(list)
    for identity, entity in labels:
        of_text[identity].append(entity)
    for row in news:
        for entity in of_text[row["id"]]:
            mention = Mention(
                seconds(row["published_at"]), labels[row["id"], entity], 0.9, row["text"]
            )
            found[entity] += detector.observe(states[entity], mention)
    for entity, state in states.items():
        found[entity] += detector.advance(state, seconds(news[-1]["published_at"]))
    return {entity: steps for entity, steps in found.items() if steps}


def test_fields_and_order(news: list[News]) -> None:
    assert 320 <= len(news) <= 400
    assert len({row["id"] for row in news}) == len(news)
    assert all(set(row) == {"id", "published_at", "source", "text"} for row in news)
    times = [seconds(row["published_at"]) for row in news]
    assert times == sorted(times)
    assert 5.5 * 3_600 <= times[-1] - times[0] <= 6.5 * 3_600
    assert len({row["source"] for row in news}) >= 5
    assert all(0 < len(row["text"]) <= 120 for row in news)


def test_the_truth_is_of_the_same_news(news: list[News], truth: list[Truth]) -> None:
    assert [row["id"] for row in truth] == [row["id"] for row in news]
    labels = {row["label"] for row in truth} | {v for r in truth for v in r["entities"].values()}
    assert labels == set(LABELS)


def test_the_gazetteer_finds_exactly_the_named_companies(
    news: list[News], truth: list[Truth], gazetteer: Gazetteer
) -> None:
    for row, true in zip(news, truth, strict=True):
        found = {span.entity for span in gazetteer.find(row["text"])}
        assert found == set(true["entities"]), row["text"]


def test_wording_is_varied(news: list[News], gazetteer: Gazetteer) -> None:
    skeletons = set()
    for row in news:
        text = row["text"]
        for span in reversed(gazetteer.find(text)):
            text = f"{text[: span.start]}X{text[span.end :]}"
        skeletons.add(re.sub(r"[\d.,]+", "0", text).lower())
    assert len(skeletons) >= 0.9 * len(news)


def test_calm_news_is_mixed_and_the_surge_is_one_story_of_many_sources(
    news: list[News], truth: list[Truth]
) -> None:
    surge: list[tuple[News, Truth]] = []
    calm: list[tuple[News, Truth]] = []
    for row, true in zip(news, truth, strict=True):
        in_surge = VICTIM in true["entities"] and SURGE[0] <= row["published_at"] <= SURGE[1]
        (surge if in_surge else calm).append((row, true))
    assert 24 <= len(surge) <= 28
    assert {true["entities"][VICTIM] for _, true in surge} == {"negative"}
    assert len({row["source"] for row, _ in surge}) >= 5
    negative = sum(true["label"] == "negative" for _, true in calm)
    assert 0.15 <= negative / len(calm) <= 0.3


def test_the_detector_fires_on_the_planted_surge_and_only_there(
    news: list[News], truth: list[Truth]
) -> None:
    labels = {(row["id"], name): label for row in truth for name, label in row["entities"].items()}
    found = transitions(news, labels)
    assert set(found) == {VICTIM}
    assert [step.phase for step in found[VICTIM]] == ["pending", "firing", "resolved"]
    _, firing, resolved = found[VICTIM]
    assert seconds(SURGE[0]) < firing.at < seconds(SURGE[0]) + 10 * 60
    assert firing.figures.negative <= 12
    assert resolved.at < seconds(SURGE[1]) + 3_600
    texts = {row["text"] for row in news if SURGE[0] <= row["published_at"] <= SURGE[1]}
    assert {driver.ref for driver in resolved.drivers} <= texts


@pytest.mark.realdata
def test_no_name_or_text_comes_from_the_data(news: list[News]) -> None:
    files = sorted(FINANCE.iterdir()) if FINANCE.is_dir() else []
    if not files:
        pytest.skip(f"no data in {FINANCE}")
    companies = [json.loads(line) for line in rows(SAMPLE / "companies.jsonl")]
    names = [alias.lower() for company in companies for alias in company["aliases"]]
    tickers = re.compile(r"\b(?:{})\b".format("|".join(c["tickers"][0] for c in companies)))
    assert len(companies) >= 12
    for file in files:
        raw = file.read_bytes()
        content = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
        assert not tickers.search(content), file
        lowered = content.lower()
        assert not [name for name in names if name in lowered], file
        assert not [row["text"] for row in news if row["text"].lower() in lowered], file
