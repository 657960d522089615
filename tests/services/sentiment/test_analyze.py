"""`POST /analyze`: what texts say, as a whole and of each entity."""

from typing import Any

import httpx
import pytest

from services.sentiment.analysis.pieces import pieces, target_inputs
from services.sentiment.analysis.scores import Found
from services.sentiment.config import SentimentSettings
from services.sentiment.service import SentimentService
from shared.errors import OverloadedError
from shared.models.tasks import Priority
from tests.harness.sentiment.fakes import FakeTrunk


async def analyze(http: httpx.AsyncClient, **body: object) -> list[dict[str, Any]]:
    answer = await http.post("/analyze", json=body)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def test_each_named_entity_is_judged_in_its_own_right(http: httpx.AsyncClient) -> None:
    text = "Reliance gains while Infosys tumbles"

    (one,) = await analyze(http, texts=[text], entities=[["Reliance", "Infosys"]])

    assert one["index"] == 0
    assert [(e["text"], e["label"]) for e in one["entities"]] == [
        ("Reliance", "positive"),
        ("Infosys", "negative"),
    ]
    assert [text[e["start"] : e["end"]] for e in one["entities"]] == ["Reliance", "Infosys"]
    assert sum(one["scores"].values()) == pytest.approx(1.0, abs=1e-5)
    assert list(one["scores"]) == ["negative", "neutral", "positive"]


async def test_a_label_is_found_by_its_name_whatever_its_place(http: httpx.AsyncClient) -> None:
    data = await analyze(http, texts=["Shares fall", "Nothing new", "A record profit"])

    assert [one["label"] for one in data] == ["negative", "neutral", "positive"]
    assert [one["index"] for one in data] == [0, 1, 2]


async def test_an_entity_that_does_not_occur_is_judged_without_a_place(
    http: httpx.AsyncClient,
) -> None:
    (one,) = await analyze(http, texts=["Shares fall"], entities=[["Nobody"]])

    (entity,) = one["entities"]
    assert (entity["text"], entity["start"], entity["end"]) == ("Nobody", None, None)
    assert entity["label"] == "negative"


async def test_known_names_come_first_and_the_tagger_reads_the_rest(
    http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    texts = ["$ACM gains; Bolt Motors tumbles", "Fresh Ltd falls, Acme wins", "Fresh Ltd falls"]

    data = await analyze(http, texts=texts)

    found = [[(e["text"], e["entity"], e["label"]) for e in one["entities"]] for one in data]
    assert found[0] == [("$ACM", "Acme", "positive"), ("Bolt Motors", "Bolt", "negative")]
    assert found[1] == [("Acme", "Acme", "positive")]
    assert found[2] == [("Fresh Ltd", "Fresh Ltd", "negative")]
    assert trunk.inputs("finance-entities") == [texts[2]]
    assert len(trunk.calls) == 2
    assert [len(calls) for calls in trunk.calls] == [3, 1]


async def test_one_hop_is_enough_where_nothing_is_tagged(
    http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    await analyze(http, texts=["Acme gains", "Shares fall"], entities=[None, []])

    (calls,) = trunk.calls
    assert [call.task for call in calls] == ["finance-sentiment", "finance-entity-sentiment"]
    assert trunk.priorities == [Priority.INTERACTIVE]


async def test_an_empty_list_asks_for_no_entity(http: httpx.AsyncClient, trunk: FakeTrunk) -> None:
    (one,) = await analyze(http, texts=["Acme gains as Fresh Ltd falls"], entities=[[]])

    assert one["entities"] == []
    assert trunk.inputs("finance-entities") == []


async def test_a_long_text_is_judged_by_its_sentences(
    http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    good = "Acme gains on every market that it serves, and nobody has anything else to say."
    bad = "Bolt falls."
    text = " ".join([good] * 30 + [bad])

    (one,) = await analyze(http, texts=[text])

    assert len(trunk.inputs("finance-sentiment")) == 31
    assert one["label"] == "positive"
    labels = {entity["entity"]: entity["label"] for entity in one["entities"]}
    assert labels == {"Acme": "positive", "Bolt": "negative"}
    assert sum("Bolt" in text for text in trunk.inputs("finance-entity-sentiment")) == 1


def test_pieces_hold_all_of_a_text() -> None:
    words = "word " * 1000
    text = f"One short sentence. {words}. 世界{'界' * 900}。\nThe end 🙂."

    found = pieces(text)

    assert all(len(text[start:end]) < 2000 for start, end in found)
    kept = "".join(text[start:end] for start, end in found)
    assert "".join(kept.split()) == "".join(text.split())


def test_an_entity_between_two_pieces_is_put_before_each() -> None:
    text = "word " * 400
    inputs, weights = target_inputs(text, Found("Acme", "Acme"))

    assert len(inputs) == len(weights) > 1
    assert all(one.startswith("@ Acme @ ") for one in inputs)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"texts": []},
        {"texts": ["a"] * 257},
        {"texts": [""]},
        {"texts": [" \t"]},
        {"texts": ["a\u0000b"]},
        {"texts": ["x" * 20_001]},
        {"texts": ["a"], "entities": [[], []]},
        {"texts": ["a"], "entities": [["b"] * 101]},
        {"texts": ["a"], "entities": [["b" * 201]]},
        {"texts": ["a"], "entities": [[""]]},
        {"texts": ["a"], "entities": ["b"]},
        {"texts": ["a"], "more": 1},
        {"texts": [1]},
    ],
)
async def test_a_request_that_is_wrong_is_told_so(
    http: httpx.AsyncClient, body: dict[str, object]
) -> None:
    answer = await http.post("/analyze", json=body)

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_strange_texts_are_judged(http: httpx.AsyncClient, trunk: FakeTrunk) -> None:
    trunk.missing = set()
    texts = ["🙂🙃", "שלום עולם", "﷽", "e\u0301" * 100, "1", "界" * 3000]

    assert len(await analyze(http, texts=texts)) == len(texts)


async def test_too_many_entities_in_all_are_refused(
    http: httpx.AsyncClient, service: SentimentService
) -> None:
    names = [f"name {number}" for number in range(100)]
    count = service.settings.max_judgements // 100 + 1

    answer = await http.post("/analyze", json={"texts": ["a"] * count, "entities": [names] * count})

    assert answer.status_code == 422
    assert "4096" in answer.text


async def test_a_trunk_that_is_full_or_lacks_a_task_is_said(
    http: httpx.AsyncClient, trunk: FakeTrunk
) -> None:
    trunk.error = OverloadedError("too much waits", retry_after_s=3.0)
    full = await http.post("/analyze", json={"texts": ["a"]})
    trunk.error = None
    trunk.missing = {"finance-sentiment"}
    missing = await http.post("/analyze", json={"texts": ["a"]})

    assert (full.status_code, full.headers["retry-after"]) == (429, "3")
    assert missing.status_code == 503
    assert "finance-sentiment" in missing.json()["detail"]


async def test_the_tagger_is_not_asked_where_it_is_off(
    http: httpx.AsyncClient, service: SentimentService, trunk: FakeTrunk
) -> None:
    service.settings = service.settings.model_copy(update={"tag_entities": False})

    (one,) = await analyze(http, texts=["Fresh Ltd falls"])

    assert one["entities"] == []
    assert len(trunk.calls) == 1


def test_several_processes_on_sqlite_are_refused(settings: SentimentSettings) -> None:
    from services.sentiment.service import open_database
    from shared.errors import ConfigError

    for name in ("replicas", "stream_hosts"):
        with pytest.raises(ConfigError, match=f"{name}: 2 on SQLite"):
            open_database(settings.model_copy(update={name: 2}))
