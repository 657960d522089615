"""Ids with every character, by real clients, through HAProxy, Serve's own proxy and a replica."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import openai
import pytest

from tests.e2e.books import documents_path, search, upload
from tests.e2e.test_edge import exchange, replica_ports, request, speaks_http, status_of
from tests.harness.platform import Platform
from tests.harness.waiting import wait_for

pytestmark = pytest.mark.platform

NAMES = [
    "owner/name",
    "https://example.org/help//cards?lang=en#top",
    "50 % off",
    "%2e%2e",
    "%2F",
    "a\\b",
    "..hidden",
    "日本語 🙂",
]
DOTS = ["..", "%2e%2e", "%2E.", ".", "x/../..", "x%2F..", "..%2F..", "%2e%2e/", "..\\x"]
BASE = "dots"
ARTICLE = {"title": "Moles", "text": "Moles dislike garlic."}


@pytest.fixture(scope="module")
def ports(platform: Platform) -> dict[str, int]:
    """Every port at which the support application answers."""
    run = json.loads((platform.state_dir / "run.json").read_bytes())
    replica = next(port for port in replica_ports(platform) if speaks_http(port))
    return {"haproxy": platform.port, "serve": run["ports"]["fallback"], "replica": replica}


@pytest.fixture(params=["haproxy", "serve", "replica"])
def direct(request: pytest.FixtureRequest, ports: dict[str, int]) -> Iterator[httpx.Client]:
    port = ports[request.param]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client


@pytest.mark.parametrize("name", NAMES)
def test_a_document_of_any_name_lives(direct: httpx.Client, name: str) -> None:
    upload(direct, "names", [{"id": name, **ARTICLE}])
    path = f"{documents_path('names')}/{quote(name, safe='')}"

    assert direct.get(path).json()["id"] == name
    assert direct.put(path, json=ARTICLE).json()["documents"] == 1
    assert search(direct, "names", "garlic")[0]["document_id"] == name
    assert direct.delete(path).json()["documents"] == 1
    assert direct.get(path).status_code == 404
    assert direct.get(documents_path("names")).json()["documents"] == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_and_by_curl(platform: Platform, name: str) -> None:
    address = f"{platform.url}{documents_path('curled')}/{quote(name, safe='')}"

    def curl(*arguments: str) -> str:
        command = ["curl", "-sS", "--path-as-is", "-w", "\n%{http_code}", *arguments, address]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    typed = ("-H", "content-type: application/json", "-d", json.dumps(ARTICLE))
    assert curl("-X", "PUT", *typed).endswith("\n200")
    assert json.loads(curl().rpartition("\n")[0])["id"] == name
    assert curl("-X", "DELETE").endswith("\n200")


@pytest.mark.parametrize("dots", DOTS)
@pytest.mark.parametrize("door", ["haproxy", "serve", "replica"])
def test_dots_in_an_address_never_delete_more(
    http: httpx.Client, ports: dict[str, int], door: str, dots: str
) -> None:
    upload(http, BASE, [{"id": "kept", **ARTICLE}])
    for path in (f"{documents_path(BASE)}/{dots}", f"/support/knowledge-bases/{BASE}/{dots}"):
        answer, _ = exchange(ports[door], request("DELETE", path))

        assert status_of(answer) in (404, 405, 422), answer
        assert b"\r\nlocation:" not in answer.lower()
    # As a usual client sends it, which takes the dots out first.
    assert http.delete(f"{documents_path(BASE)}/{dots}").is_client_error
    assert http.get(f"{documents_path(BASE)}/kept").status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_no_address_is_redirected(http: httpx.Client, method: str) -> None:
    upload(http, BASE, [{"id": "kept", **ARTICLE}])
    paths = (f"/support/knowledge-bases/{BASE}/", "/v1/models/", "/recommend/popular/", "/support/")
    for path in paths:
        answer = http.request(method, path, follow_redirects=False)

        assert answer.status_code in (404, 405, 422), path
        assert "location" not in answer.headers
    assert http.get(f"{documents_path(BASE)}/kept").status_code == 200


def test_a_knowledge_base_is_deleted_by_its_name(http: httpx.Client) -> None:
    upload(http, "brief", [{"id": "a", **ARTICLE}])

    refused = http.delete("/support/knowledge-bases/brief")
    assert refused.status_code == 422
    assert "?confirm=brief" in refused.json()["detail"]
    assert http.delete("/support/knowledge-bases/brief?confirm=brief").status_code == 204
    assert http.get("/support/knowledge-bases/brief").status_code == 404


@pytest.mark.parametrize("name", NAMES)
def test_items_and_users_of_any_name_are_found(http: httpx.Client, name: str) -> None:
    now_ms = int(time.time() * 1000)
    common = {"timestamp": now_ms, "fields": []}
    events = [
        {"event": "item", "id": f"item {name}", "item": name, **common},
        {
            "event": "interaction",
            "id": f"click {name}",
            "type": "click",
            "user": name,
            "item": name,
            **common,
        },
    ]
    answer = http.post("/recommend/feedback", json=events)
    assert answer.status_code == 200, answer.text
    path = quote(name, safe="")

    assert http.get(f"/recommend/items/{path}/similar").status_code == 200
    assert http.get(f"/recommend/items/{path}-other/similar").status_code == 404
    assert http.get(f"/recommend/users/{path}").status_code == 200


def test_the_official_client_finds_every_model(trunk: openai.OpenAI) -> None:
    listed = list(trunk.models.list())

    assert listed
    for model in listed:
        assert trunk.models.retrieve(model.id) == model
    for name in ("owner/name", "https://example.org/a?b"):
        with pytest.raises(openai.NotFoundError):
            trunk.models.retrieve(name)


def test_an_event_with_dots_for_an_id_is_refused(http: httpx.Client) -> None:
    event = {"event": "item", "id": "e", "timestamp": 1, "item": "..", "fields": []}

    answer = http.post("/recommend/feedback", json=event)

    assert answer.status_code == 422
    assert "choose another id" in answer.json()["detail"]
    wait_for(
        lambda: http.get("/recommend/readyz").status_code == 200, timeout_s=30, what="all is well"
    )
