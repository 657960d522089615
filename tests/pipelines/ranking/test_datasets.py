import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.ranking.datasets import DATASETS, read_dataset, split
from shared.errors import ArtifactError, InputError
from shared.ranking.events import InteractionEvent
from tests.pipelines.ranking.made import EACH, USERS, data, events


def write(path: Path, rows: Sequence[object]) -> None:
    path.parent.mkdir(exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def film(number: str, title: str) -> dict[str, object]:
    return {
        "item_id": number,
        "title": title,
        "genres": ["Drama"],
        "description": "",
        "keywords": [],
    }


def rating(user: str, item: str, value: float, time_s: int) -> dict[str, object]:
    return {"user_id": user, "item_id": item, "rating": value, "timestamp": time_s}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "recommendation"
    films = [film("1", "Heat (1995)"), film("2", "No year"), film("3", "New (2012)")]
    write(root / "movies.items.jsonl.gz", films)
    write(root / "movies.events.train.jsonl.gz", [rating("a", "1", 5, 1_000)])
    dev = [rating("a", "2", 4, 2_000), rating("a", "3", 4.5, 3_000), rating("b", "1", 2, 3_000)]
    write(root / "movies.events.dev.jsonl.gz", dev)
    products = [{"item_id": n, "title": n, "description": " "} for n in "123"]
    write(root / "amazon_office.items.jsonl.gz", products)
    write(root / "amazon_office.train.jsonl", [{"user_id": "a", "item_id": "1"}])
    asked = {"user_id": "a", "history": ["1", "2"], "next_item": "3"}
    write(root / "amazon_office.dev.jsonl", [asked])
    return tmp_path


def test_at_the_cut_each_user_is_asked_for_all_that_is_liked_later(folder: Path) -> None:
    found = read_dataset("movies", folder)
    (query,) = found.queries
    assert query.relevant == ("2", "3")
    assert [event.item for event in query.history] == ["1"]
    assert query.time_s == 2_000.0
    assert found.exclude_seen
    assert found.first_seen_after_the_cut().tolist() == [1, 2]


def test_the_next_liked_film_is_asked_for_after_all_before_it(folder: Path) -> None:
    first, second = read_dataset("movies_next", folder).queries
    assert (first.relevant, second.relevant) == (("2",), ("3",))
    assert [event.item for event in second.history] == ["1", "2"]


def test_a_film_is_as_old_as_its_title(folder: Path) -> None:
    times_ms = [item.timestamp_ms for item in read_dataset("movies", folder).items]
    assert times_ms == [788_918_400_000, 0, 1_325_376_000_000]


def test_a_sequence_asks_for_its_next_item(folder: Path) -> None:
    found = read_dataset("amazon_office", folder)
    (query,) = found.queries
    assert [event.item for event in query.history] == ["1", "2"]
    assert query.relevant == ("3",)
    assert query.history[-1].timestamp_ms / 1000.0 < query.time_s
    assert not found.exclude_seen


def test_an_unknown_set_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="movies_next"):
        read_dataset("books", tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"movies\.events\.train"):
        read_dataset("movies", tmp_path)


def test_stored_events_are_cut_in_time() -> None:
    made = data()
    assert len(made.events) == int(USERS * EACH * 0.8)
    cut_ms = made.events[-1].timestamp_ms
    assert all(query.time_s * 1000.0 >= cut_ms for query in made.queries)
    for query in made.queries:
        assert all(event.timestamp_ms < query.time_s * 1000.0 for event in query.history)
        assert {event.user for event in query.history} == {query.user}


def test_too_few_events_cannot_be_measured_on() -> None:
    few = [event for event in events() if isinstance(event, InteractionEvent)][:1]
    with pytest.raises(InputError, match="1 interactions"):
        split(few)


@pytest.mark.realdata
def test_real_data_is_read_whole(data_dir: Path) -> None:
    counts = {name: len(read_dataset(name, data_dir).queries) for name in DATASETS}
    assert counts == {
        "movies": 86, "movies_next": 4_694, "amazon_office": 4_866, "amazon_industrial": 4_532
    }  # fmt: skip
