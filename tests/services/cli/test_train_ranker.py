import json
from pathlib import Path

import numpy as np
import pytest

import services.recommendation.migrations
from services.cli.train_ranker import train
from services.recommendation.config import RecommendationSettings
from services.recommendation.database import SCHEMA
from services.recommendation.incoming import EVENT
from services.recommendation.payloads import NewEvent
from services.recommendation.scorers import Scorers
from services.recommendation.store import FeedbackStore
from services.recommendation.vectors import ItemText, VectorStore
from shared.errors import InputError
from shared.ranking.feature_table import feature_names
from shared.storage.database import Database
from shared.storage.migrations import migrate
from tests.services.recommendation.fakes import embedded

MIGRATIONS = Path(services.recommendation.migrations.__file__).parent
SAMPLE = Path(__file__).parents[3] / "services/recommendation/sample"


@pytest.fixture
def settings(tmp_path: Path) -> RecommendationSettings:
    return RecommendationSettings(state_dir=tmp_path)


def store_sample(settings: RecommendationSettings, *, with_vectors: bool = True) -> None:
    lines = [
        json.loads(line)
        for name in ("items.jsonl", "events.jsonl")
        for line in (SAMPLE / name).read_text("utf-8").splitlines()
    ]
    database = Database(settings.resolved_database_url, schema=SCHEMA)
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
    database.close()


def test_a_ranker_is_trained_from_stored_events_and_serves_if_it_is_better(
    settings: RecommendationSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    store_sample(settings)

    code = train(settings, "shop", "default", None)

    said = capsys.readouterr().out
    assert "nDCG@10 on" in said
    assert (settings.rankers_dir / "shop" / "CURRENT").is_file() == (code == 0)
    (model,) = (settings.rankers_dir / "shop").glob("*/ranker.txt")
    assert model.read_text().startswith("tree")
    if code == 0:
        # The service verifies what it reads.
        scorer = Scorers(settings.rankers_dir).get("shop")
        assert scorer.score(np.zeros((3, len(feature_names())), np.float32)).shape == (3,)


def test_what_is_missing_is_said(settings: RecommendationSettings) -> None:
    with pytest.raises(InputError, match=r"recommendation\.db is not there"):
        train(settings, "default", "default", None)
    store_sample(settings, with_vectors=False)
    with pytest.raises(InputError, match="has a vector: they are made while `banyan up` runs"):
        train(settings, "default", "default", None)
    with pytest.raises(InputError, match="use a-z, 0-9"):
        train(settings, "../x", "default", None)
