import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from pipelines.ranking.baselines import Factorised, ItemKnn, MostPopular, Positives
from pipelines.ranking.evaluate import Comparison, best_rows, compare, ratio
from pipelines.ranking.report import as_html, as_json, table, verdict
from shared.ranking.rankers.blend import LinearBlend
from tests.pipelines.ranking.made import data, vectors


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    made = data()
    texts = vectors()
    by_item = {f"item{number}": texts[number] for number in range(len(texts))}
    ordered = np.array([by_item[item.item] for item in made.items])
    return compare(made, ordered, {"blend": LinearBlend()}, factorised=False, resamples=50)


def test_taste_beats_popularity(comparison: Comparison) -> None:
    popular, knn, blend, _ = (each.figures["ndcg@10"].value for each in comparison.measured)
    assert knn > popular
    assert blend > popular
    assert comparison.best_baseline.name == "item-kNN"
    assert comparison.ours.name == "blend"


def test_variety_widens_the_lists(comparison: Comparison) -> None:
    _, _, blend, diverse = comparison.measured
    assert diverse.name == "blend, diverse"
    wide, narrow = (each.figures["intra_list_distance"].value for each in (diverse, blend))
    assert wide > narrow
    assert "blend, diverse: distance +" in verdict(comparison)


def test_the_ratio_is_of_the_same_queries(comparison: Comparison) -> None:
    ours, best = comparison.ours.ndcg, comparison.best_baseline.ndcg
    assert comparison.ratio.value == pytest.approx(ours.mean() / best.mean())
    assert ratio(ours, ours).low == ratio(ours, ours).high == 1.0


def test_the_table_names_every_ranker(comparison: Comparison) -> None:
    console = Console(width=250, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as captured:
        console.print(table(comparison))
    for name in ("popularity", "item-kNN", "blend", "items seen before left out"):
        assert name in captured.get()


def test_the_page_loads_nothing(comparison: Comparison) -> None:
    page = as_html([comparison])
    assert page.count("<svg") == 2
    for outside in ("http:", "https:", "src=", "url(", "@import", "<link"):
        assert outside not in page
    assert verdict(comparison) in page
    assert "<script" not in as_html([replace(comparison, data="<script>alert(1)</script>")])


def test_json_has_the_figures_with_their_intervals(comparison: Comparison) -> None:
    (plain,) = json.loads(as_json([comparison]))
    assert plain["ours"] == "blend"
    ndcg = plain["measured"][0]["figures"]["ndcg@10"]
    assert ndcg["low"] <= ndcg["value"] <= ndcg["high"]
    assert ndcg["n"] == plain["query_count"]


def test_what_is_excluded_is_not_ranked() -> None:
    scores = np.array([[1.0, -np.inf, 3.0]], np.float32)
    assert best_rows(scores, 4).tolist() == [[2, 0, -1, -1]]
    assert best_rows(scores, 1, np.array([7, 8, 9])).tolist() == [[9]]
    assert best_rows(scores[:, :0], 2).tolist() == [[-1, -1]]


def test_a_neighbour_is_liked_by_the_same_users() -> None:
    made = data()
    positives = Positives.of(made)
    query = next(q for q in made.queries if q.history)
    (scores,) = ItemKnn(positives, shrinkage=10.0, share=0.5).scores([query])
    (best,) = best_rows(scores[np.newaxis], 3)
    parity = int(query.user[1:]) % 2
    assert {int(made.items[row].item[4:]) % 2 for row in best.tolist()} == {parity}


def test_popularity_orders_by_count() -> None:
    made = data()
    positives = Positives.of(made)
    (scores,) = MostPopular(positives).scores(made.queries[:1])
    assert np.all(np.floor(scores) == positives.counts())


@pytest.mark.parametrize("als", [(8, 10.0, 0.01), None])
@pytest.mark.filterwarnings("ignore:OpenBLAS is configured:RuntimeWarning")
def test_factorisations_rank_the_whole_catalogue(als: tuple[int, float, float] | None) -> None:
    pytest.importorskip("implicit", reason="the extra benchmark is not installed")
    made = data()
    scores = Factorised(Positives.of(made), als).scores(made.queries[:5])
    assert scores.shape == (5, len(made.items))
    assert np.isfinite(scores).all()
