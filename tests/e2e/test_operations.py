"""What an operator sees: health, metrics, documents, ids and errors of both applications."""

import json
import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.platform import Platform
from tests.harness.waiting import wait_for

pytestmark = pytest.mark.platform

both = pytest.mark.parametrize("prefix", ["v1", "support"])


def samples(http: httpx.Client, prefix: str) -> dict[str, list[dict[str, str]]]:
    """The labels of every sample, by the sample's name."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(http.get(f"/{prefix}/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@both
def test_health_and_readiness(http: httpx.Client, prefix: str) -> None:
    assert http.get(f"/{prefix}/healthz").json() == {"status": "alive"}
    ready = http.get(f"/{prefix}/readyz").json()
    assert ready["ready"] is True
    assert ready["checks"]

    def has_no_warning() -> bool:
        # Knowledge bases that other tests make are indexed meanwhile.
        checks = http.get(f"/{prefix}/readyz").json()["checks"]
        return set(checks.values()) == {"ready"}

    wait_for(has_no_warning, "every check to be ready without a warning")


@both
def test_the_documents_page_needs_no_network(http: httpx.Client, prefix: str) -> None:
    page = http.get(f"/{prefix}/docs")

    assert page.status_code == 200
    assert "https://" not in page.text
    assert "http://" not in page.text
    scripts = [part.split('"')[0] for part in page.text.split('src="')[1:]]
    assert scripts
    assert http.get(scripts[0]).status_code == 200
    assert f"/{prefix}/openapi.json" in page.text


@both
def test_a_request_id_is_echoed_or_made(http: httpx.Client, prefix: str) -> None:
    given = http.get(f"/{prefix}/healthz", headers={"x-request-id": "from-a-client.1"})
    made = http.get(f"/{prefix}/healthz", headers={"x-request-id": 'bad "id"'})

    assert given.headers["x-request-id"] == "from-a-client.1"
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])


@both
def test_an_unknown_path_is_a_problem(http: httpx.Client, prefix: str) -> None:
    answer = http.get(f"/{prefix}/nothing/here", headers={"x-request-id": "abc"})

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 404
    assert problem["instance"] == "abc"
    assert problem["title"] == "Not Found"


def test_a_wrong_method_is_a_problem(http: httpx.Client) -> None:
    answer = http.get("/v1/embeddings")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["status"] == 405


def test_metrics_name_application_task_and_bundle(http: httpx.Client) -> None:
    http.post("/support/search", json={"knowledge_base": "help-centre", "query": "lost card"})
    http.post("/v1/classify", json={"model": "support-intent", "input": "lost card"})

    trunk = samples(http, "v1")

    assert {labels["priority"] for labels in trunk["banyan_queue_tokens"]} == {
        "interactive",
        "stream",
        "bulk",
    }
    assert "banyan_batch_fill_ratio_count" in trunk
    assert "banyan_batch_tokens_count" in trunk
    for name in ("banyan_encode_tokens_total", "banyan_encode_duration_seconds_count"):
        callers = {(labels["app"], labels["task"]) for labels in trunk[name]}
        assert ("support", "embed") in callers
        assert any(task == "support-intent" for _, task in callers)
        assert all("@" in labels["bundle"] for labels in trunk[name])
    routes = {labels["route"] for labels in trunk["banyan_http_requests_total"]}
    assert "/classify" in routes


def test_the_support_application_counts_its_requests(http: httpx.Client) -> None:
    http.post("/support/search", json={"knowledge_base": "help-centre", "query": "lost card"})
    http.get("/support/nothing/here")

    labels = samples(http, "support")["banyan_http_requests_total"]

    assert {"app": "support", "route": "/search", "status": "200"} in labels
    assert {"app": "support", "route": "unmatched", "status": "404"} in labels


@both
def test_a_request_is_one_line_of_json_in_the_logs(
    platform: Platform, http: httpx.Client, prefix: str
) -> None:
    http.get(f"/{prefix}/healthz", headers={"x-request-id": f"look-for-me.{prefix}"})

    wait_for(lambda: bool(logged(platform, prefix)), timeout_s=30, what="the line")
    line = json.loads(logged(platform, prefix)[0])
    assert (line["message"], line["route"], line["status"]) == ("request", "/healthz", 200)
    assert line["level"] == "info"
    assert line["app"] in ("backbone", "support")


def logged(platform: Platform, prefix: str) -> list[str]:
    texts = (path.read_text("utf-8", "replace") for path in platform.logs())
    found = f'"request_id":"look-for-me.{prefix}"'
    return [line for text in texts for line in text.splitlines() if found in line]
