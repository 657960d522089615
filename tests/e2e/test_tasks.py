"""The trunk's public routes beside embeddings: what is served, classes, and orders."""

import re
import time

import httpx
import pytest

from tests.e2e.bundles import embed_bundle, registry_of
from tests.harness.platform import Platform

pytestmark = pytest.mark.platform

EMBEDDED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BUNDLE = re.compile(r"[a-z0-9-]+@[0-9a-f]{12}")


def test_the_models_are_the_backbone_and_every_task(http: httpx.Client) -> None:
    listing = http.get("/v1/models").json()

    assert listing["object"] == "list"
    by_id = {entry["id"]: entry for entry in listing["data"]}
    assert {entry["backbone_sha256"] for entry in by_id.values()} == {EMBEDDED}
    assert by_id["embed"]["kind"] == "embed"
    backbone = by_id[by_id["embed"]["backbone"]]
    assert backbone["bundle"] == by_id["embed"]["bundle"]
    assert backbone["max_length"] == 256
    intent = by_id["support-intent"]
    assert intent["kind"] == "classify"
    assert BUNDLE.fullmatch(intent["bundle"])
    assert len(intent["labels"]) == 77


def test_classify_gives_a_label_and_a_distribution(http: httpx.Client) -> None:
    texts = ["Where is my new card? It has not arrived.", "I forgot my PIN."]

    answer = http.post("/v1/classify", json={"model": "support-intent", "input": texts})

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [row["index"] for row in body["data"]] == [0, 1]
    assert body["data"][0]["label"] == "card_arrival"
    for row in body["data"]:
        assert len(row["scores"]) == 77
        assert sum(row["scores"].values()) == pytest.approx(1, abs=1e-3)
        assert row["label"] == max(row["scores"], key=row["scores"].__getitem__)
    assert body["usage"]["total_tokens"] > 0


def test_classify_answers_for_an_immutable_bundle_too(http: httpx.Client) -> None:
    models = http.get("/v1/models").json()["data"]
    bundle = next(entry["bundle"] for entry in models if entry["id"] == "support-intent")

    by_name = http.post("/v1/classify", json={"model": "support-intent", "input": "lost card"})
    by_bundle = http.post("/v1/classify", json={"model": bundle, "input": "lost card"})

    assert by_bundle.status_code == 200, by_bundle.text
    assert by_bundle.json()["data"][0]["label"] == by_name.json()["data"][0]["label"]


def test_rerank_puts_the_answer_first(http: httpx.Client) -> None:
    documents = [
        "Berlin is the capital of Germany.",
        "You can change the PIN of your card at any cash machine.",
        "The match ended in a draw.",
    ]

    answer = http.post(
        "/v1/rerank",
        json={
            "model": "embed",
            "query": "How do I change my PIN?",
            "documents": documents,
            "top_n": 2,
        },
    )

    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert results[0]["index"] == 1
    assert len(results) == 2
    scores = [result["relevance_score"] for result in results]
    assert scores == sorted(scores, reverse=True)


def test_a_task_of_another_kind_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/classify", json={"model": "embed", "input": "a"})

    assert answer.status_code == 422
    assert "embed" in answer.json()["detail"]


def test_a_new_champion_is_noticed_within_two_seconds(
    platform: Platform, http: httpx.Client
) -> None:
    registry = registry_of(platform)
    for card in ("first", "second"):
        bundle = embed_bundle(registry, "spare", card)
        registry.set_alias("spare", "champion", bundle.id)
        promoted_s = time.monotonic()

        while served(http, "spare") != bundle.id:
            assert time.monotonic() - promoted_s < 2
            time.sleep(0.05)

        answer = http.post("/v1/embeddings", json={"model": "spare", "input": "a"})
        assert answer.status_code == 200, answer.text


def served(http: httpx.Client, task: str) -> str | None:
    """The bundle that answers for a task now."""
    models = http.get("/v1/models").json()["data"]
    return next((entry["bundle"] for entry in models if entry["id"] == task), None)
