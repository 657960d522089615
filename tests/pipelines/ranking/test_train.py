import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.ranking.train import TrainingSet, TrainSettings, fit, publish, replay
from shared.errors import InputError
from shared.files import sha256_file
from shared.ranking.events import Event, InteractionEvent, ItemEvent, RankingEvent
from shared.ranking.feature_table import feature_names
from shared.ranking.ranker import LightGbmRanker
from tests.pipelines.ranking.made import ITEMS, events, vectors

SETTINGS = TrainSettings(smallest_leaf=5, rounds=20)
NAMES = [f"item{number}" for number in range(ITEMS)]


@pytest.fixture(scope="module")
def training() -> TrainingSet:
    return replay(events(), NAMES, vectors(), SETTINGS)


def test_each_question_has_what_was_chosen_among_others(training: TrainingSet) -> None:
    assert training.features.shape == (training.groups.sum(), len(feature_names()))
    start = 0
    for size in training.groups.tolist():
        labels = training.labels[start : start + size]
        assert 0 < (labels > 0).sum() < size
        start += size


def test_the_order_in_which_events_are_given_changes_nothing(training: TrainingSet) -> None:
    again = replay(events()[::-1], NAMES, vectors(), SETTINGS)
    for name in ("sequence_next", "popular_year", "times_met"):
        column = feature_names().index(name)
        assert sorted(again.features[:, column]) == sorted(training.features[:, column])


def test_what_comes_later_changes_no_earlier_feature(training: TrainingSet) -> None:
    made = events()
    last_ms = max(event.timestamp_ms for event in made)
    later = [
        InteractionEvent(f"later{n}", last_ms + 1_000, "click", "u0", None, "item3")
        for n in range(5)
    ]
    settings = SETTINGS.model_copy(update={"warm_up": 0.0})
    before = replay(made, NAMES, vectors(), settings)
    after = replay([*made, *later], NAMES, vectors(), settings)
    count = len(before.features)
    np.testing.assert_array_equal(before.features, after.features[:count])


def test_a_shown_ranking_is_a_question_with_places() -> None:
    items: list[Event] = [ItemEvent(f"i{n}", 0, name) for n, name in enumerate(NAMES)]
    shown: list[Event] = []
    for n in range(30):
        time_ms = 1_000_000 + n * 10_000
        shown += [
            RankingEvent(f"r{n}", time_ms, f"u{n}", None, tuple(NAMES[:4])),
            InteractionEvent(f"c{n}", time_ms + 1, "click", f"u{n}", None, NAMES[n % 4], f"r{n}"),
        ]
    settings = SETTINGS.model_copy(update={"warm_up": 0.0})
    found = replay([*items, *shown], NAMES, vectors(), settings)
    assert found.groups.tolist() == [4] * 30
    position = found.features[:, feature_names().index("position")]
    np.testing.assert_allclose(position[:4], np.log1p(np.arange(4.0)), rtol=1e-6)


def test_too_few_questions_are_refused() -> None:
    with pytest.raises(InputError, match="0 questions"):
        replay([ItemEvent("i", 0, "item0")], NAMES[:1], vectors(1), SETTINGS)


def test_a_trained_model_is_read_by_the_service_and_its_hash_holds(
    training: TrainingSet, tmp_path: Path
) -> None:
    trained = fit(training, SETTINGS)
    folder = publish(tmp_path, "default", trained, SETTINGS)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"] == {"ranker.txt": sha256_file(folder / "ranker.txt")}
    scores = LightGbmRanker.read(folder / "ranker.txt").score(training.features[:7])
    assert scores.shape == (7,)
    pointer = tmp_path / "default" / "CURRENT"
    assert pointer.exists() is trained.is_better
    if trained.is_better:
        name, digest = pointer.read_text().split()
        assert (name, digest) == (folder.name, sha256_file(folder / "manifest.json"))
    assert publish(tmp_path, "default", trained, SETTINGS) == folder
