"""Chinese beside English: each text by the tasks of its language, or by none."""

from pathlib import Path

import httpx
import orjson
import pytest

from services.sentiment.analysis.finder import Finder
from services.sentiment.analysis.plans import Request
from services.sentiment.analysis.scores import Analysis
from services.sentiment.analysis.tasks import LanguageTasks, TaskNames, Unjudged
from services.sentiment.analysis.texts import Analyst
from services.sentiment.config import SentimentSettings
from shared.errors import DependencyError
from shared.models.tasks import Priority
from shared.sentiment.gazetteer import Entry, Gazetteer
from shared.text.language import Language
from tests.harness.sentiment.fakes import FakeTrunk

ENTRIES = (Entry("腾讯控股", ("腾讯",)), Entry("Acme"), Entry("贵州茅台"))
ONLY_TEXT = {Language.CHINESE: LanguageTasks(text="finance-sentiment-zh")}


@pytest.fixture
def settings(tmp_path: Path) -> SentimentSettings:
    companies = tmp_path / "companies.jsonl"
    rows = [{"entity": "腾讯控股", "aliases": ["腾讯"]}, {"entity": "Acme"}]
    companies.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return SentimentSettings(state_dir=tmp_path, entities_file=companies)


async def judged(trunk: FakeTrunk, *texts: str, **tasks: LanguageTasks) -> list[object]:
    by_language = {Language(key): one for key, one in tasks.items()} or ONLY_TEXT
    analyst = Analyst(trunk, Finder(Gazetteer(ENTRIES)), TaskNames(), language_tasks=by_language)
    request = Request(texts, [None] * len(texts), tag=True)
    found = await analyst.analyze(request, priority=Priority.STREAM, timeout_s=5.0)
    return list(found)


async def test_each_text_of_a_request_goes_to_the_bundle_of_its_language(
    http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    trunk.missing = set()
    texts = ["Acme falls", "腾讯控股净利润增长", "Acme gains", "受Acme拖累，腾讯下跌"]

    data = (await http.post("/analyze", json={"texts": texts})).json()["data"]

    assert [one["label"] for one in data] == ["negative", "positive", "positive", "negative"]
    assert trunk.inputs("finance-sentiment") == [texts[0], texts[2]]
    assert trunk.inputs("finance-sentiment-zh") == [texts[1], texts[3]]
    named = [[(e["text"], e["entity"], e["label"]) for e in one["entities"]] for one in data]
    assert named[1] == [("腾讯控股", "腾讯控股", "positive")]
    assert named[3] == [("Acme", "Acme", "negative"), ("腾讯", "腾讯控股", "negative")]
    assert trunk.inputs("finance-entities") == []


async def test_a_chinese_text_is_refused_while_nothing_reads_chinese(
    http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    refused = await http.post("/analyze", json={"texts": ["Acme gains", "腾讯控股净利润增长"]})
    ready = (await http.get("/readyz")).json()

    assert refused.status_code == 422
    assert "texts.1: the text is Chinese (zh)" in refused.text
    assert "--task finance-sentiment-zh --backbone zh" in refused.text
    assert "finance-sentiment-zh" in str(ready)
    assert (await http.post("/analyze", json={"texts": ["Acme gains"]})).status_code == 200

    trunk.missing = set()
    assert (await http.post("/analyze", json={"texts": ["腾讯控股净利润增长"]})).status_code == 200
    assert "finance-sentiment-zh" not in str((await http.get("/readyz")).json())


async def test_an_entity_has_the_score_of_the_sentences_that_name_it(trunk: FakeTrunk) -> None:
    trunk.missing = set()
    filler = "本报记者获悉市场总体平稳运行。" * 40
    text = f"腾讯控股净利润增长。{filler}贵州茅台今日下跌。"

    (one,) = await judged(trunk, text)

    assert isinstance(one, Analysis)
    labels = {each.found.entity: each.score.label for each in one.entities}
    assert labels == {"腾讯控股": "positive", "贵州茅台": "negative"}
    assert len(trunk.calls) == 1
    assert [call.task for call in trunk.calls[0]] == ["finance-sentiment-zh"]


async def test_a_language_may_have_tasks_for_entities_too(trunk: FakeTrunk) -> None:
    trunk.missing = set()
    tasks = LanguageTasks(
        text="finance-sentiment-zh", entity="finance-entity-sentiment", tagger="finance-entities"
    )

    known, tagged = await judged(trunk, "腾讯控股上涨", "Fresh Ltd 净利润增长很快", zh=tasks)

    assert isinstance(known, Analysis)
    assert isinstance(tagged, Analysis)
    assert [each.score.bundle for each in known.entities] == ["finance-entity-sentiment@1"]
    assert [each.found.entity for each in tagged.entities] == ["Fresh Ltd"]


async def test_a_bundle_that_judges_no_sentiment_is_named_as_the_reason(trunk: FakeTrunk) -> None:
    one, other = await judged(
        trunk, "Acme gains", "腾讯控股上涨", zh=LanguageTasks(text="finance-entities")
    )

    assert isinstance(one, Analysis)
    assert isinstance(other, Unjudged)
    assert "finance-entities@1 is not a classify bundle" in str(other)


@pytest.mark.parametrize(
    ("text", "is_chinese"),
    [
        ("腾讯控股", True),
        ("iPhone 15 Pro 销量在中国市场大幅下跌", True),
        ("Tencent (腾讯) shares fall after a weak quarter in gaming", False),
        ("テンセントの株価が下落した", False),
        ("텐센트 주가 하락", False),
        ("12.5% 🙂", False),
    ],
)
async def test_what_counts_as_chinese(trunk: FakeTrunk, text: str, is_chinese: bool) -> None:
    (one,) = await judged(trunk, text)

    assert isinstance(one, Unjudged) == is_chinese


async def test_languages_can_be_left_to_the_default_tasks(trunk: FakeTrunk) -> None:
    analyst = Analyst(trunk, Finder(Gazetteer(ENTRIES)), TaskNames(), language_tasks={})
    request = Request(["腾讯控股上涨"], [None], tag=False)

    (one,) = await analyst.analyze(request, priority=Priority.STREAM, timeout_s=5.0)

    assert isinstance(one, Analysis)
    assert one.score.bundle == "finance-sentiment@1"


async def test_a_trunk_without_the_default_tasks_is_still_a_fault_of_the_trunk(
    trunk: FakeTrunk,
) -> None:
    trunk.missing = {"finance-sentiment"}

    with pytest.raises(DependencyError, match="finance-sentiment"):
        await judged(trunk, "Acme gains", "腾讯控股上涨")
