"""The public routes over an encoder whose model counts letters."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import openai
import pytest

from services.backbone.config import BackboneSettings
from services.backbone.routes import routes
from shared.models.backbones.prefixes import Prefixes
from shared.models.registry import Registry, open_registry
from shared.models.tasks import TaskKind
from shared.serving.encoder import Encoder, EncoderSettings
from tests.harness.fake_runner import BACKBONE_SHA256, FURTHER_SHA256, FakeRunner, make_bundle

TOO_MANY = "expected at most 10,000 entries, found 10,001: send fewer"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = open_registry(tmp_path / "models", shipped=None)
    make_bundle(registry, "embed")
    make_bundle(registry, "intent", TaskKind.CLASSIFY)
    make_bundle(registry, "relevance", TaskKind.SCORE)
    return registry


@pytest.fixture
def client(registry: Registry, tmp_path: Path) -> Iterator[httpx.AsyncClient]:
    settings = BackboneSettings(
        state_dir=tmp_path,
        encoder=EncoderSettings(max_request_inputs=20, max_text_characters=1000),
    )
    encoder = Encoder(FakeRunner(), registry, settings.encoder)
    app = routes(encoder, settings)
    yield httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/")
    encoder.close()


async def post(client: httpx.AsyncClient, path: str, **body: object) -> Any:
    response = await client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def refused(client: httpx.AsyncClient, path: str, **body: object) -> tuple[int, Any]:
    response = await client.post(path, json=body)
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()


async def test_a_model_is_found_by_its_name(client: httpx.AsyncClient, registry: Registry) -> None:
    listed = (await client.get("models")).json()["data"]
    for card in listed:
        assert (await client.get(f"models/{card['id']}")).json() == card
    bundle = registry.resolve("intent")
    assert (await client.get(f"models/{bundle}")).json()["bundle"] == bundle
    assert (await client.get("models/%2e%2e")).status_code == 422


async def test_models_lists_the_backbone_and_every_task(client: httpx.AsyncClient) -> None:
    listed = (await client.get("models")).json()
    assert listed["object"] == "list"
    cards = {card["id"]: card for card in listed["data"]}
    assert list(cards) == ["fake", "embed", "intent", "relevance"]
    assert (cards["fake"]["language"], cards["fake"]["memory_bytes"]) == ("en", 1)
    assert cards["fake"] | {"id": "embed"} == cards["embed"]
    assert cards["intent"]["kind"] == "classify"
    assert cards["intent"]["labels"] == ["short", "long"]
    assert cards["intent"]["bundle"].startswith("intent@")
    assert cards["intent"]["backbone_sha256"] == BACKBONE_SHA256
    assert cards["intent"]["created"] == 0


@pytest.mark.parametrize("model", ["embed", "fake"])
async def test_embeddings_have_openais_shape(client: httpx.AsyncClient, model: str) -> None:
    answer = await post(client, "embeddings", model=model, input=["abc", "de fg"], user="u")
    assert answer == {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": 0, "embedding": [3.0, 1.0]},
            {"object": "embedding", "index": 1, "embedding": [5.0, 1.0]},
        ],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }


async def test_one_text_may_stand_alone(client: httpx.AsyncClient) -> None:
    answer = await post(client, "embeddings", model="embed", input="abc", dimensions=2)
    assert [item["embedding"] for item in answer["data"]] == [[3.0, 1.0]]


async def test_base64_is_little_endian_float32(client: httpx.AsyncClient) -> None:
    answer = await post(
        client, "embeddings", model="embed", input=["abc"], encoding_format="base64"
    )
    content = base64.b64decode(answer["data"][0]["embedding"])
    assert np.frombuffer(content, "<f4").tolist() == [3.0, 1.0]


async def test_a_bundle_is_named_by_its_id(client: httpx.AsyncClient, registry: Registry) -> None:
    bundle_id = registry.resolve("embed")
    answer = await post(client, "embeddings", model=bundle_id, input="abc")
    assert answer["model"] == bundle_id


async def test_the_official_client_reads_embeddings_and_errors(
    client: httpx.AsyncClient,
) -> None:
    transport = cast(Any, client)  # openai names its own copy of httpx in its types
    official = openai.AsyncOpenAI(
        api_key="none", base_url="http://test/", http_client=transport, max_retries=0
    )
    answer = await official.embeddings.create(model="embed", input=["abc", "d"])
    assert [item.embedding for item in answer.data] == [[3.0, 1.0], [1.0, 1.0]]
    models = [model.id async for model in official.models.list()]
    assert models == ["fake", "embed", "intent", "relevance"]
    assert (await official.models.retrieve("intent")).id == "intent"
    with pytest.raises(openai.NotFoundError, match="owner/name"):
        await official.models.retrieve("owner/name")
    with pytest.raises(openai.NotFoundError, match="no task 'gpt'"):
        await official.embeddings.create(model="gpt", input="a")
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        await official.embeddings.create(model="embed", input="word " * 100)
    assert "at most 128" in str(caught.value)


async def test_a_models_prefix_stands_before_queries_and_passages(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    named = make_bundle(
        registry, "find", prefixes=Prefixes(query="q: ", passage="found: "), champion=False
    ).id
    for input_type, letters in (("query", 6.0), ("passage", 10.0)):
        answer = await post(client, "embeddings", model=named, input="abc", input_type=input_type)
        assert answer["data"][0]["embedding"] == [letters, 1.0]
    card = (await client.get(f"models/{named}")).json()
    assert card["prefixes"] == {"query": "q: ", "passage": "found: "}
    status, problem = await refused(client, "embeddings", model=named, input="abc")
    assert status == 422
    assert "'q: '" in problem["detail"]
    assert "input_type" in problem["detail"]
    ranked = await post(client, "rerank", model=named, query="abc", documents=["abc", "a" * 7])
    assert [each["index"] for each in ranked["results"]] == [0, 1]
    assert ranked["usage"]["total_tokens"] == 6 + 10 + 14


async def test_without_prefixes_the_type_of_a_text_changes_nothing(
    client: httpx.AsyncClient,
) -> None:
    for input_type in ("query", "passage", None):
        answer = await post(client, "embeddings", model="embed", input="abc", input_type=input_type)
        assert answer["data"][0]["embedding"] == [3.0, 1.0]
    assert (await client.get("models/embed")).json()["prefixes"] is None


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("embeddings", {"input": "我的银行卡"}, "input"),
        ("embeddings", {"input": ["abc", "我的银行卡"]}, "input.1"),
        ("rerank", {"query": "我的银行卡", "documents": ["abc"]}, "query"),
        ("rerank", {"query": "abc", "documents": ["abc", "我的银行卡"]}, "documents.1"),
    ],
)
async def test_a_text_that_the_backbone_cannot_read_is_not_embedded_unless_that_is_asked_for(
    client: httpx.AsyncClient, path: str, body: dict[str, object], place: str
) -> None:
    status, problem = await refused(client, path, model="embed", **body)
    assert status == 422
    assert f"{place}: fake cannot read 100% of its words, and below 50%" in str(problem)
    assert "ask embed-zh (zh), or send allow_unreadable: true" in str(problem)
    await post(client, path, model="embed", allow_unreadable=True, **body)


async def test_a_further_backbone_is_listed_and_loaded_by_the_first_call(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    bundle = make_bundle(registry, "embed-zh", backbone_sha256=FURTHER_SHA256)
    async with asyncio.timeout(10):
        while (await client.get("models/embed-zh")).status_code == 404:
            await asyncio.sleep(0.05)
    cards = {card["id"]: card for card in (await client.get("models")).json()["data"]}
    assert cards["embed-zh"]["bundle"] == bundle.id
    assert cards["further"] == cards["embed-zh"] | {"id": "further"}
    assert cards["embed-zh"]["language"] == "zh"
    checks = (await client.get("readyz")).json()["checks"]
    assert checks["backbone zh"].startswith("ready: further, ")

    answer = await post(client, "embeddings", model="further", input="abc")

    assert answer["data"][0]["embedding"] == [3.0, 1.0]
    card = (await client.get("models/embed-zh")).json()
    assert card["memory_bytes"] == 2
    checks = (await client.get("readyz")).json()["checks"]
    assert checks["backbone zh"] == "ready: further, 0 MB, loaded in 0.5 s"


async def test_long_texts_are_cut_where_that_is_asked_for(client: httpx.AsyncClient) -> None:
    answer = await post(client, "embeddings", model="embed", input="a " * 100, truncate=True)
    assert answer["usage"]["total_tokens"] == 128


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("embeddings", {"input": [1, 2, 3]}, 422, "token ids are not accepted"),
        ("embeddings", {"input": [[1, 2], [3]]}, 422, "token ids are not accepted"),
        ("embeddings", {"input": ""}, 422, "at least 1 character"),
        ("embeddings", {"input": []}, 422, "at least 1 entry"),
        ("embeddings", {"input": ["a", ""]}, 422, "at least 1 character"),
        ("embeddings", {"input": "a", "dimensions": 5}, 422, "2 dimensions"),
        ("embeddings", {"input": "a", "encoding_format": "int8"}, 422, "base64"),
        ("embeddings", {"input": "a", "truncate": "yes"}, 422, "expected true or false"),
        ("embeddings", {"input": "a", "truncat": True}, 422, "truncat"),
        ("embeddings", {"input": "a", "input_type": "text"}, 422, "query"),
        ("embeddings", {"input": ["a"] * 21}, 422, "at most 20"),
        ("embeddings", {"input": ["a"] * 10_001}, 422, "input: " + TOO_MANY),
        ("embeddings", {"input": [1] * 10_001}, 422, "token ids are not accepted"),
        ("embeddings", {"input": [None] * 90_000}, 422, "input: expected at most 10,000 entries"),
        ("classify", {"input": ["a"] * 10_001, "model": "intent"}, 422, "input: " + TOO_MANY),
        ("rerank", {"query": "a", "documents": ["b"] * 10_001}, 422, "documents: " + TOO_MANY),
        ("rerank", {"query": "a", "documents": [1] * 90_000}, 422, "documents: expected at most"),
        ("embeddings", {"input": "a" * 1001}, 422, "at most 1000"),
        ("embeddings", {"input": "a", "model": "intent"}, 422, "kind classify"),
        ("embeddings", {"input": "a", "model": "x@y"}, 404, "not the id of a bundle"),
        ("embeddings", {}, 422, "input"),
        ("classify", {"input": "a"}, 422, "kind embed"),
        ("classify", {"input": "a", "model": "nothing"}, 404, "no task"),
        ("rerank", {"query": "a", "documents": []}, 422, "at least 1 entry"),
        ("rerank", {"query": "a", "documents": [{"title": "b"}]}, 422, "text"),
        ("rerank", {"query": "a", "documents": ["b"], "top_n": 0}, 422, "at least 1, found 0"),
        ("rerank", {"query": "a", "documents": ["b"], "model": "intent"}, 422, "score or embed"),
    ],
)
async def test_what_cannot_be_served_says_why(
    client: httpx.AsyncClient, path: str, body: dict[str, object], status: int, detail: str
) -> None:
    found, problem = await refused(client, path, **{"model": "embed", **body})
    assert found == status
    assert detail in problem["detail"]
    assert problem["error"]["message"] == problem["detail"]


async def test_rerank_by_a_scorer(client: httpx.AsyncClient) -> None:
    answer = await post(
        client,
        "rerank",
        model="relevance",
        query="q",
        documents=["long text", {"text": "a"}, "text"],
        top_n=2,
        return_documents=True,
    )
    assert answer["model"] == "relevance"
    assert [result["index"] for result in answer["results"]] == [1, 2]
    assert answer["results"][0] == {
        "index": 1,
        "relevance_score": pytest.approx(1 / 3),
        "document": {"text": "a"},
    }


async def test_rerank_by_vectors_is_the_mapped_cosine(client: httpx.AsyncClient) -> None:
    answer = await post(client, "rerank", model="embed", query="ab", documents=["abcdefgh", "ab"])
    assert [result["index"] for result in answer["results"]] == [1, 0]
    cosine = (2 * 8 + 1) / np.sqrt((4 + 1) * (64 + 1))
    scores = [result["relevance_score"] for result in answer["results"]]
    assert scores == pytest.approx([1.0, (1 + cosine) / 2])
    assert all("document" not in result for result in answer["results"])


async def test_classify(client: httpx.AsyncClient) -> None:
    answer = await post(client, "classify", model="intent", input=["a", "a" * 50])
    assert [item["label"] for item in answer["data"]] == ["short", "long"]
    for item in answer["data"]:
        assert sum(item["scores"].values()) == pytest.approx(1)
    assert answer["usage"] == {"prompt_tokens": 51, "total_tokens": 51}


async def test_readiness_names_what_is_not_served(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    response = await client.get("readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)


async def test_the_document_is_served(client: httpx.AsyncClient) -> None:
    document = (await client.get("openapi.json")).json()
    assert {"/models", "/embeddings", "/rerank", "/classify"} <= set(document["paths"])


TOO_LONG = "word " * 100


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("embeddings", {"input": TOO_LONG}, "input"),
        ("embeddings", {"input": ["a", TOO_LONG]}, "input.1"),
        ("embeddings", {"input": ["a", "b" * 1001], "truncate": True}, "input.1"),
        ("classify", {"model": "intent", "input": ["a", "b", TOO_LONG]}, "input.2"),
        ("rerank", {"query": TOO_LONG, "documents": ["a"]}, "query"),
        ("rerank", {"query": "a", "documents": ["a", {"text": TOO_LONG}]}, "documents.1"),
        ("rerank", {"model": "relevance", "query": "a", "documents": [TOO_LONG]}, "documents.0"),
        ("rerank", {"query": "a", "documents": ["a"] * 21}, "documents"),
        ("classify", {"model": "intent", "input": ["a"] * 21}, "input"),
    ],
)
async def test_a_text_that_is_too_long_is_named_as_the_caller_wrote_it(
    client: httpx.AsyncClient, path: str, body: dict[str, object], param: str
) -> None:
    status, problem = await refused(client, path, **{"model": "embed", **body})
    assert (status, problem["error"]["param"]) == (422, param)
    if param.partition(".")[2] or param == "query":
        assert problem["detail"].startswith(f"{param}: ")


@pytest.mark.parametrize("ids", [[1, 2], [[1, 2], [3]]])
async def test_token_ids_get_the_hint_that_helps(client: httpx.AsyncClient, ids: object) -> None:
    _, problem = await refused(client, "embeddings", model="embed", input=ids)
    assert problem["error"]["param"] == "input"
    assert "check_embedding_ctx_length=False" in problem["detail"]


async def test_what_cohere_s_and_jina_s_clients_send_is_taken(client: httpx.AsyncClient) -> None:
    """Source: Cohere's reference of /v1/rerank and /v2/rerank, Jina's of /v1/rerank."""
    documents: list[object] = [{"id": "1", "title": "T", "text": "long text"}, {"text": "a"}]
    plain = await post(client, "rerank", model="embed", query="q", documents=documents)
    cohere = {"top_n": None, "return_documents": None, "max_chunks_per_doc": 1, "priority": 0}
    jina = {"top_n": 2, "return_documents": False}
    for more in (cohere, jina):
        answer = await post(client, "rerank", model="embed", query="q", documents=documents, **more)
        assert answer == plain
    cut = await post(
        client,
        "rerank",
        model="embed",
        query="q",
        documents=[{"id": "1", "text": TOO_LONG}],
        max_tokens_per_doc=4096,
        return_documents=True,
    )
    assert cut["results"][0]["document"] == {"text": TOO_LONG}
