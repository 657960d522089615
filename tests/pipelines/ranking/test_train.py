import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.ranking.gates import gate_of, judge, ndcg
from pipelines.ranking.promotion import fingerprint, promote, register
from pipelines.ranking.replay import LabelledQuery, ReplayedQueries, replay
from pipelines.ranking.train import Trained, fit
from pipelines.ranking.train_settings import TrainSettings
from shared.artifacts.aliases import CANDIDATE, CHAMPION
from shared.errors import InputError
from shared.files import sha256_file
from shared.ranking.arrays import Float32s
from shared.ranking.events import Event, InteractionEvent, ItemEvent, RankingEvent
from shared.ranking.features.table import feature_names
from shared.ranking.rankers.blend import LinearBlend
from shared.ranking.rankers.inputs import ranker_input_names
from shared.ranking.rankers.registry import open_rankers, read_scorer
from tests.pipelines.ranking.made import ITEMS, events, vectors

SETTINGS = TrainSettings(smallest_leaf=5, rounds=20)
NAMES = [f"item{number}" for number in range(ITEMS)]


@pytest.fixture(scope="module")
def queries() -> ReplayedQueries:
    return replay(events(), NAMES, vectors(), SETTINGS)


@pytest.fixture(scope="module")
def trained(queries: ReplayedQueries) -> Trained:
    return fit(queries, SETTINGS)


def registered(root: Path, trained: Trained, last: tuple[LabelledQuery, ...]) -> str:
    of = fingerprint(events(), NAMES, vectors())
    return register(
        open_rankers(root),
        "default",
        trained,
        last,
        SETTINGS,
        data_fingerprint=of,
        command="a test",
    ).id


class Worst:
    """Orders what the blend orders, the other way round."""

    def score(self, features: Float32s) -> Float32s:
        return -LinearBlend().score(features)


def test_each_query_has_what_was_chosen_among_others(queries: ReplayedQueries) -> None:
    for query in (*queries.early, *queries.later):
        assert query.features.shape == (len(query.labels), len(feature_names()))
        assert query.teaches
        assert query.relevant == 1


def test_what_is_judged_by_comes_after_all_that_was_learned_from() -> None:
    made = events()
    behaviour = [e for e in made if isinstance(e, InteractionEvent)]
    ordered = sorted(behaviour, key=lambda event: event.timestamp_ms)
    settings = SETTINGS.model_copy(update={"warm_up": 0.0, "held_out": 0.25})

    whole = replay(made, NAMES, vectors(), settings)
    cut = len(ordered) * 3 // 4
    assert len(whole.last) == len(ordered) - cut
    items = [event for event in made if isinstance(event, ItemEvent)]
    fewer = settings.model_copy(update={"held_out": 1 / 3})
    before = replay([*items, *ordered[:cut]], NAMES, vectors(), fewer)
    np.testing.assert_array_equal(before.early[0].features, whole.early[0].features)


def test_the_order_in_which_events_are_given_changes_nothing(queries: ReplayedQueries) -> None:
    again = replay(events()[::-1], NAMES, vectors(), SETTINGS)
    for name in ("sequence_next", "popular_year", "times_met"):
        column = feature_names().index(name)
        for one, other in zip(queries.last, again.last, strict=True):
            assert sorted(one.features[:, column]) == sorted(other.features[:, column])


def test_a_shown_ranking_teaches_places_and_is_judged_on_all_candidates() -> None:
    items: list[Event] = [ItemEvent(f"i{n}", 0, name) for n, name in enumerate(NAMES)]
    shown: list[Event] = []
    for n in range(120):
        time_ms = 1_000_000 + n * 10_000
        shown += [
            RankingEvent(f"r{n}", time_ms, f"u{n}", None, tuple(NAMES[:4])),
            InteractionEvent(f"c{n}", time_ms + 1, "click", f"u{n}", None, NAMES[n % 4], f"r{n}"),
        ]
    settings = SETTINGS.model_copy(update={"warm_up": 0.0})
    found = replay([*items, *shown], NAMES, vectors(), settings)
    place = feature_names().index("position")
    first = found.early[0].features
    np.testing.assert_allclose(first[:, place], np.log1p(np.arange(4.0)), rtol=1e-6)
    assert {len(query.labels) for query in found.last} == {ITEMS}
    assert not any(query.features[:, place].any() for query in found.last)


def test_too_few_queries_are_refused() -> None:
    with pytest.raises(InputError, match="0 queries"):
        replay([ItemEvent("i", 0, "item0")], NAMES[:1], vectors(1), SETTINGS)


def test_what_is_no_candidate_counts_as_missed() -> None:
    features = np.zeros((2, len(feature_names())), np.float32)
    found = LabelledQuery(features, np.array([1, 0]), 1)
    missed = LabelledQuery(features, np.array([0, 0]), 1)
    half = LabelledQuery(features, np.array([1, 0]), 2)

    values = ndcg(LinearBlend(), [found, missed, half])

    np.testing.assert_allclose(values, [1.0, 0.0, 1.0 / (1.0 + 1.0 / np.log2(3.0))])


def test_a_trained_ranker_is_a_bundle_and_serves_if_its_gates_hold(
    queries: ReplayedQueries, trained: Trained, tmp_path: Path
) -> None:
    registry = open_rankers(tmp_path)
    bundle_id = registered(tmp_path, trained, queries.last)
    bundle = registry.bundle(bundle_id)
    written = json.loads((bundle.folder / "manifest.json").read_text())
    assert written["files"] == {"ranker.txt": sha256_file(bundle.folder / "ranker.txt")}
    assert tuple(written["features"]) == ranker_input_names()
    figure = bundle.manifest.metrics["ndcg@10"]
    assert figure.low <= figure.value <= figure.high
    assert figure.n == len(queries.last)
    assert registry.named("default", CANDIDATE) == bundle_id
    assert registry.named("default", CHAMPION) is None

    # The made shop is too small for the trees to gain much: any loss is allowed here.
    gates = judge(read_scorer(registry, bundle_id), {"worst": Worst()}, queries.last, 1.0)
    assert all(gate.holds for gate in gates)
    first = promote(registry, bundle_id, queries.last, 1.0, command="a test")
    assert [gate.gate for gate in first] == ["not below the blend"]
    served = registry.named("default", CHAMPION)
    assert (served == bundle_id) is first[0].holds


def test_a_ranker_that_is_worse_does_not_serve(
    queries: ReplayedQueries, trained: Trained, tmp_path: Path
) -> None:
    registry = open_rankers(tmp_path)
    good = registered(tmp_path, trained, queries.last)
    registry.set_alias("default", CHAMPION, good)
    # Learns from the reverse of what was chosen.
    reverse = ReplayedQueries(
        tuple(LabelledQuery(q.features, 1 - np.minimum(q.labels, 1), 1) for q in queries.early),
        tuple(LabelledQuery(q.features, 1 - np.minimum(q.labels, 1), 1) for q in queries.later),
        queries.last,
    )
    bad = registered(tmp_path, fit(reverse, SETTINGS), queries.last)

    gates = promote(registry, bad, queries.last, 0.01, command="a test")

    assert [gate.gate for gate in gates] == [
        "not below the blend",
        f"not below the champion {good}",
    ]
    assert not any(gate.holds for gate in gates)
    assert registry.named("default", CHAMPION) == good
    assert registry.named("default", CANDIDATE) == bad


def test_a_gate_asks_for_no_loss_and_little_doubt(queries: ReplayedQueries) -> None:
    (same,) = judge(LinearBlend(), {"itself": LinearBlend()}, queries.last, 0.0)
    (worse,) = judge(Worst(), {"blend": LinearBlend()}, queries.last, 1.0)
    assert same.holds
    assert not worse.holds
    # Better by 0.02 on average, and by chance: one query in five is lost.
    ours = np.array([0.5, 0.5, 0.5, 0.5, 0.0] * 6)
    theirs = ours - np.array([0.1, 0.1, 0.1, 0.1, -0.3] * 6)
    assert gate_of("x", ours, theirs, 0.1).holds
    doubtful = gate_of("x", ours, theirs, 0.01)
    assert not doubtful.holds
    assert "difference +0.0200" in doubtful.found
    assert doubtful.limit == "at least 0 (-0.0100)"
