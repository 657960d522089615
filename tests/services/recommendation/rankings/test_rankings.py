"""Rankings of a catalogue above the exact index's size: rebuilt while they serve."""

import threading
from typing import cast

import numpy as np
import pytest

from services.recommendation.config import RecommendationSettings
from services.recommendation.rankings.rankings import Rankings
from services.recommendation.rankings.vectors import TenantVectors
from shared.ranking.arrays import Float32s, Int64s
from shared.ranking.recommender import RecommenderSettings
from shared.ranking.settings import StateSettings
from shared.ranking.vectors.index import VectorSettings
from shared.ranking.vectors.item_index import ItemIndex
from tests.harness.recommendation.application import client, open_service, until_ready
from tests.harness.recommendation.fakes import FakeProbe, FakeTrunk
from tests.harness.waiting import until
from tests.services.recommendation.test_feedback import item, send
from tests.services.recommendation.test_rank import names

WIDTH = 8
SMALL = RecommenderSettings(vectors=VectorSettings(exact_below=200, fresh_at_most=50))


def found(count: int, first: int = 0) -> TenantVectors:
    generator = np.random.default_rng(first)
    vectors = generator.normal(size=(count, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TenantVectors("default", [f"i{first + n}" for n in range(count)], vectors)


def index_of(rankings: Rankings) -> ItemIndex:
    index = rankings._tenants["default"].recommender.index
    assert index is not None
    return index


def test_what_is_set_while_an_index_is_built_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rankings = Rankings("embed@1", WIDTH, StateSettings(), SMALL)
    rankings.set_vectors(found(300))
    rankings.set_vectors(found(100, 300))
    assert rankings.needs_indexes
    before, building, go_on = index_of(rankings), threading.Event(), threading.Event()

    def slow(rows: Int64s, vectors: Float32s, settings: VectorSettings | None = None) -> ItemIndex:
        built = ItemIndex(rows, vectors, settings)
        building.set()
        assert go_on.wait(20)
        return built

    monkeypatch.setattr("services.recommendation.rankings.rankings.ItemIndex", slow)
    thread = threading.Thread(target=rankings.rebuild_indexes)
    thread.start()
    assert building.wait(20)
    late = found(20, 400)
    rankings.set_vectors(late)
    changed = TenantVectors("default", ["i0"], -found(1).vectors)
    rankings.set_vectors(changed)
    # One builds, the other does not wait for it; and searches go on with what is there.
    rankings.rebuild_indexes()
    assert index_of(rankings) is before
    with rankings.recommender("default") as recommender:
        assert recommender.similar("i5", 3, 0.0)
    go_on.set()
    thread.join(20)

    index = index_of(rankings)
    assert index is not before
    assert not rankings.needs_indexes
    assert len(index) == 420
    for part in (late, changed):
        rows, scores = index.search(part.vectors, 1)
        ids = rankings._tenants["default"].recommender.state.catalogue.ids
        assert [ids[row] for row in rows[:, 0]] == list(part.items)
        np.testing.assert_allclose(scores, 1.0, atol=1e-3)


async def test_the_service_builds_its_index_anew_above_its_threshold(
    settings: RecommendationSettings, trunk: FakeTrunk, probe: FakeProbe
) -> None:
    settings = settings.model_copy(
        update={
            "recommender": RecommenderSettings(
                vectors=VectorSettings(exact_below=50, fresh_at_most=20)
            )
        }
    )
    service = open_service(settings, trunk, probe)
    service.start()
    await until_ready(service)
    rankings = cast(Rankings, service._follower.rankings)  # type: ignore[union-attr]
    async with client(service) as http:
        things = [item(f"i{n}", title=f"Thing number{n} colour{n % 7}") for n in range(150)]
        for start in range(0, len(things), 30):
            await send(http, things[start : start + 30])
        await until(lambda: rankings.has_vector(("default", "i149")), "the vectors are there")
        await until(lambda: not rankings.needs_indexes, "the index is rebuilt")
        await send(http, item("late", title="Thing number3 colour3"))
        await until(lambda: rankings.has_vector(("default", "late")), "the late one has a vector")
        similar = (await http.get("/items/i3/similar?n=1")).json()["items"]
    await service.close()
    assert names(similar) == ["late"]
    assert len(index_of(rankings)) == 151
