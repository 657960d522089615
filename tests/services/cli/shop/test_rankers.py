import json
from pathlib import Path

import numpy as np
import pytest

import services.recommendation.migrations
from pipelines.ranking.train_settings import TrainSettings
from services.cli.shop.rankers import promote_again, roll_back, train_ranker
from services.recommendation.config import RecommendationSettings
from services.recommendation.incoming import EVENT
from services.recommendation.payloads import NewEvent
from services.recommendation.rankings.vectors import Bundle, ItemText, VectorStore
from services.recommendation.store import FeedbackStore
from shared.artifacts.aliases import CANDIDATE, CHAMPION
from shared.errors import InputError, NotFoundError
from shared.ranking.rankers.registry import open_rankers
from shared.storage.database import Database
from shared.storage.migrations import migrate
from tests.harness.recommendation.fakes import embedded

MIGRATIONS = Path(services.recommendation.migrations.__file__).parent
SAMPLE = Path(__file__).parents[4] / "services/recommendation/sample"


@pytest.fixture
def settings(tmp_path: Path) -> RecommendationSettings:
    return RecommendationSettings(state_dir=tmp_path)


def store_sample(settings: RecommendationSettings, *, with_vectors: bool = True) -> None:
    lines = [
        json.loads(line)
        for name in ("items.jsonl", "events.jsonl")
        for line in (SAMPLE / name).read_text("utf-8").splitlines()
    ]
    database = Database(settings.resolved_database_url, schema=settings.database)
    migrate(database, MIGRATIONS)
    events = [EVENT.validate_python(line).as_event() for line in lines]
    FeedbackStore(database).store([NewEvent.of("default", event) for event in events])
    if with_vectors:
        items = [line for line in lines if line["event"] == "item"]
        texts = [" ".join(str(f["value"]) for f in item["fields"][:3]) for item in items]
        named = [
            ItemText(("default", item["item"]), text, "d")
            for item, text in zip(items, texts, strict=True)
        ]
        vectors = np.stack([embedded(text) for text in texts])
        VectorStore(database).put("embed@1", named, vectors)
        VectorStore(database).serve(Bundle("embed@1", vectors.shape[1]))
    database.close()


def test_a_ranker_is_trained_from_stored_events_promoted_and_rolled_back(
    settings: RecommendationSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    store_sample(settings)
    registry = open_rankers(settings.rankers_dir)
    how = TrainSettings(questions=600, judged=200, smallest_leaf=50)

    code = train_ranker(settings, "shop", "default", None, how)

    said = capsys.readouterr().out
    assert "not below the blend: nDCG@10" in said
    candidate = registry.named("shop", CANDIDATE)
    assert candidate is not None
    assert registry.named("shop") == (candidate if code == 0 else None)
    manifest = registry.bundle(candidate).manifest
    assert manifest.command == "banyan recommend train --model shop --tenant default"
    assert manifest.metrics["ndcg@10"].n > 100

    registry.set_alias("shop", CHAMPION, candidate)
    assert promote_again(settings, "shop", "default", None) in (0, 1)
    assert candidate in capsys.readouterr().out
    assert roll_back(settings, "shop") == 0
    assert registry.named("shop") == "blend"


def test_what_is_missing_is_said(settings: RecommendationSettings) -> None:
    with pytest.raises(InputError, match=r"recommendation\.db is not there"):
        train_ranker(settings, "default", "default", None)
    store_sample(settings, with_vectors=False)
    with pytest.raises(InputError, match="has a vector: they are made while `banyan up` runs"):
        train_ranker(settings, "default", "default", None)
    with pytest.raises(NotFoundError, match="no candidate"):
        promote_again(settings, "default", "default", None)
    with pytest.raises(NotFoundError, match="the model default has no champion"):
        roll_back(settings, "default")
    with pytest.raises(InputError, match="use a-z, 0-9"):
        train_ranker(settings, "../x", "default", None)
