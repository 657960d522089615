"""Starting, stopping, killing, saving and restoring the platform, each as a user does it.

Starts cost most of this file's time, so each of its platforms proves several things.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.books import LINES, documents_path, found_documents, upload
from tests.e2e.bundles import embed_bundle, registry_of
from tests.harness.platform import START_S, Platform, command_of, is_alive, name_of
from tests.harness.waiting import wait_for

pytestmark = pytest.mark.platform

STOPS_WITHIN_S = 10.0


@contextlib.contextmanager
def client(platform: Platform, key: str | None = None) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=platform.url, headers=headers, timeout=30) as http:
        yield http


@dataclass(frozen=True)
class Traces:
    """What a running platform must not leave behind; without a process no port is open."""

    platform: Platform
    processes: frozenset[psutil.Process]

    @classmethod
    def of(cls, platform: Platform) -> "Traces":
        processes = frozenset(platform.processes())
        assert len(processes) >= 8
        assert is_open(platform.port)
        return cls(platform, processes)

    def assert_gone(self) -> None:
        left = {p for p in self.processes if is_alive(p)} | self.platform.processes()
        assert not {command_of(process) for process in left}
        assert not is_open(self.platform.port)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Writer(threading.Thread):
    """Uploads documents until the platform is gone, and remembers which were acknowledged."""

    SIZE = 20

    def __init__(self, platform: Platform) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self._platform = platform

    def run(self) -> None:
        with client(self._platform) as http, contextlib.suppress(httpx.HTTPError):
            for batch in range(1000):
                ids = [f"{batch}-{number}" for number in range(self.SIZE)]
                rows = [
                    {"id": i, "question": f"What is {i}?", "answer": f"It is {i}."} for i in ids
                ]
                lines = "\n".join(map(json.dumps, rows))
                answer = http.post(documents_path("bulk"), content=lines.encode(), headers=LINES)
                if not answer.is_success:
                    break
                self.acknowledged.extend(ids)


@pytest.mark.drill
def test_killed_and_started_again_with_every_document(own_platform: Platform) -> None:
    own_platform.up("--no-sample")
    with client(own_platform) as http:
        models = http.get("/support/v1/models").json()["data"]
        assert [model["id"] for model in models if ":" in model["id"]] == []

    second = own_platform.command("up", "--no-sample")
    assert second.returncode != 0
    assert "runs already" in second.stdout + second.stderr

    writer = Writer(own_platform)
    writer.start()
    wait_for(lambda: len(writer.acknowledged) >= 100, timeout_s=60, what="some bulk writes")
    traces = Traces.of(own_platform)
    own_platform.kill()
    assert own_platform.command("down", timeout_s=STOPS_WITHIN_S).returncode == 0
    traces.assert_gone()
    writer.join(30)
    assert not writer.is_alive()

    start_with_a_corrupt_bundle(own_platform)
    with client(own_platform) as http:
        path = documents_path("bulk")
        lost = [i for i in writer.acknowledged if http.get(f"{path}/{i}").status_code != 200]
        assert lost == []
        last = writer.acknowledged[-1]
        assert last in found_documents(http, "bulk", f"What is {last}?")
    keys_select_tenants(own_platform)

    traces = Traces.of(own_platform)
    assert own_platform.interrupt() < STOPS_WITHIN_S
    traces.assert_gone()


def start_with_a_corrupt_bundle(platform: Platform) -> None:
    """A task whose bundle was damaged is named and not served; another champion repairs it."""
    registry = registry_of(platform)
    damaged, sound = (embed_bundle(registry, "spare", name) for name in ("damaged", "sound"))
    registry.set_alias("spare", "champion", damaged.id)
    flip_a_byte(damaged.folder / "README.md")

    platform.begin("--no-sample")
    wait_for(lambda: "spare" in not_ready(platform), timeout_s=START_S, what="the fault is named")
    assert "README.md" in not_ready(platform)
    assert platform.process is not None
    assert platform.process.poll() is None
    with client(platform) as http:
        assert http.post("/v1/embeddings", json={"model": "spare", "input": "a"}).is_client_error
        assert http.post("/v1/embeddings", json={"model": "embed", "input": "a"}).is_success

    registry.set_alias("spare", "champion", sound.id)
    wait_for(platform.settled, timeout_s=30, what="the platform with the sound bundle")
    with client(platform) as http:
        assert http.post("/v1/embeddings", json={"model": "spare", "input": "a"}).is_success


def not_ready(platform: Platform) -> str:
    """What the trunk says is not ready."""
    try:
        answer = httpx.get(f"{platform.url}/v1/readyz", timeout=5)
    except httpx.HTTPError:
        return ""
    return answer.text if answer.status_code == 503 else ""


def keys_select_tenants(platform: Platform) -> None:
    """With keys nobody enters without one, and each sees its own tenant alone."""

    def create(tenant: str, role: str) -> str:
        made = platform.command(
            "keys", "create", f"{tenant}-{role}", "--tenant", tenant, "--role", role
        )
        assert made.returncode == 0, made.stderr
        return next(word for word in made.stdout.split() if word.startswith("bny_"))

    red, blue, reader = create("red", "admin"), create("blue", "admin"), create("red", "user")
    operator = create("default", "admin")
    with client(platform) as nobody:
        wait_for(
            lambda: nobody.get("/support/v1/models").status_code == 401,
            timeout_s=5,
            what="the keys are noticed",
        )
        assert nobody.get("/v1/models").status_code == 401
        assert nobody.get("/v1/models").headers["www-authenticate"] == "Bearer"
        assert nobody.get("/support/healthz").status_code == 200
    with client(platform, "bny_wrong") as wrong:
        assert wrong.get("/v1/models").status_code == 401

    with client(platform, red) as first, client(platform, blue) as other:
        row = {"id": "secret", "question": "What is the code?", "answer": "The code is 4711."}
        upload(first, "vault", [row])
        assert found_documents(first, "vault", "the code") == ["secret"]
        path = f"{documents_path('vault')}/secret"
        assert other.get(path).status_code == 404
        assert other.delete(path).status_code == 404
        body = {"knowledge_base": "vault", "query": "the code"}
        assert other.post("/support/search", json=body).status_code == 404
        ids = {model["id"] for model in other.get("/support/v1/models").json()["data"]}
        assert "support:vault" not in ids
        upload(other, "vault", [{**row, "answer": "The code is 0815."}])
        assert "4711" in first.get(path).json()["answer"]
    with client(platform, reader) as http:
        assert found_documents(http, "vault", "the code") == ["secret"]
        assert http.delete(f"{documents_path('vault')}/secret").status_code == 403
    for key in (red, reader):
        totals_are_hidden(platform, key)
    totals_are_shown(platform, operator)


METRICS = (
    *(f"/{prefix}/metrics" for prefix in ("v1", "support", "sentiment", "recommend")),
    "/sentiment/stream/metrics",
    "/recommend/stream/metrics",
)
STREAMS = ("/sentiment/stream", "/recommend/stream")


def totals_are_hidden(platform: Platform, key: str) -> None:
    """What is of all tenants, from a tenant's key; its own commands work."""
    with client(platform, key) as http:
        for path in STREAMS:
            answer = http.get(path).json()
            assert (answer["phase"], answer["partitions"], answer["reason"]) == (
                "running",
                None,
                None,
            )
            assert answer.get("bootstrap") is None
        for path in METRICS:
            refused = http.get(path)
            assert refused.status_code == 403, path
            assert "banyan_" not in refused.text
        page = http.get("/v1/healthz", headers={"host": "shop.example", "origin": "https://a.b"})
        assert page.status_code == 200
    for command in (("sentiment", "watch", "--once"), ("kb", "list")):
        done = platform.command(*command, "--key", key)
        assert done.returncode == 0, done.stdout + done.stderr
    assert platform.command("status").returncode == 0


def totals_are_shown(platform: Platform, key: str) -> None:
    """The same from the operator's key."""
    with client(platform, key) as http:
        for path in STREAMS:
            assert http.get(path).json()["partitions"], path
        assert http.get("/sentiment/stream").json()["bootstrap"]
        for path in METRICS:
            assert "banyan_" in http.get(path).text, path
    assert platform.command("status", "--key", key).returncode == 0


@pytest.mark.drill
def test_saved_while_it_runs_and_restored_in_another_mode(
    own_platform: Platform, tmp_path: Path
) -> None:
    own_platform.up()
    saved = tmp_path / "saved"
    with client(own_platform) as http:
        upload(http, "mine", [{"id": "a", "question": "Where is Ys?", "answer": "Ys has sunk."}])
        wait_for(lambda: len(indexes(own_platform)) == 2, timeout_s=30, what="indexes on disk")
        backup = own_platform.command("backup", str(saved))
        assert backup.returncode == 0, backup.stdout + backup.stderr
        upload(http, "mine", [{"id": "late", "question": "Is it late?", "answer": "Yes."}])
    assert own_platform.interrupt() < STOPS_WITHIN_S

    restored = Platform(tmp_path / "restored", environ={"BANYAN_HTTP_PROXY": "serve"})
    done = restored.command("restore", str(saved))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(indexes(restored)) == 2
    damaged = set(indexes(restored))
    for folder in damaged:
        flip_a_byte(folder / "passages.faiss")
    try:
        restored.up()
        traces = Traces.of(restored)
        assert not any("haproxy" in name_of(process) for process in traces.processes)
        with client(restored) as http:
            assert found_documents(http, "mine", "Ys") == ["a"]
            assert http.get(f"{documents_path('mine')}/late").status_code == 404
            question = {"role": "user", "content": "How do I change my PIN?"}
            body = {"model": "support:help-centre", "messages": [question]}
            answer = http.post("/support/v1/chat/completions", json=body).json()
            assert answer["choices"][0]["message"]["banyan"]["answered"]
        assert restored.interrupt() < STOPS_WITHIN_S
        traces.assert_gone()
    finally:
        restored.stop()
    said = [line for path in restored.logs() for line in path.read_text().splitlines()]
    rebuilt = {line for line in said if "an index is rebuilt" in line and "passages.faiss" in line}
    assert len(rebuilt) == 2
    assert len(indexes(restored)) == 2
    assert not damaged & set(indexes(restored))


def indexes(platform: Platform) -> list[Path]:
    """The folders of the indexes that are whole on disk."""
    pointers = (platform.state_dir / "indexes").glob("*/CURRENT")
    return [file.parent for pointer in pointers for file in pointer.parent.glob("[!.]*/*.jsonl")]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def test_an_occupied_port_is_named(own_platform: Platform) -> None:
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", own_platform.port))
        occupant.listen()
        refused = own_platform.command("up")

    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert str(own_platform.port) in said
    assert "Traceback" not in said
