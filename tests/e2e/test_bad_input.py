"""Every route that takes a body answers every bad body with a problem, fast, and keeps nothing."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest

from tests.e2e.books import LINES, documents_path

pytestmark = pytest.mark.platform

LIMIT_S = 1.0
MEGABYTE = "a" * 1_000_000
DEEP = "[" * 50_000

JSON_TYPE = {"content-type": "application/json"}
BOOK = documents_path("bad-puts")
DOCUMENT = {"title": "A title", "text": "A text.", "metadata": {"k": "v"}}


@dataclass(frozen=True)
class Route:
    """A route, a body that it accepts, and the body's fields by what they hold."""

    method: str
    path: str
    body: Mapping[str, object]
    texts: tuple[str, ...]
    names: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


ROUTES = (
    Route("POST", "/v1/embeddings", {"model": "embed", "input": "a"}, ("input",), ("model",)),
    Route(
        "POST",
        "/v1/rerank",
        {"model": "embed", "query": "a", "documents": ["a", "b"], "top_n": 1},
        ("query",),
        ("model",),
        ("top_n",),
        ("documents",),
    ),
    Route(
        "POST", "/v1/classify", {"model": "support-intent", "input": "a"}, ("input",), ("model",)
    ),
    Route(
        "POST",
        "/support/v1/chat/completions",
        {"model": "support", "messages": [{"role": "user", "content": "a"}]},
        (),
        ("model",),
        (),
        ("messages",),
    ),
    Route(
        "POST",
        "/support/search",
        {"knowledge_base": "help-centre", "query": "a", "top_k": 3},
        ("query",),
        ("knowledge_base",),
        ("top_k",),
    ),
    Route(
        "POST",
        "/support/evidence",
        {"knowledge_base": "help-centre", "messages": [{"role": "user", "content": "a"}]},
        (),
        ("knowledge_base",),
        (),
        ("messages",),
    ),
    Route("PUT", f"{BOOK}/one", DOCUMENT, ("text",), ("title",)),
)
BY_PATH = {route.path: route for route in ROUTES}

NO_JSON = ("", "{", '{"model": ', "not json", "{'model': 1}", DEEP, '{"a":' * 50_000, "\ufeff{}")
NO_OBJECT = ("null", "1", '"text"', "[]", "[{}]", "true", "NaN")
TOO_LONG_FOR_64_BITS = "1180591620717411303424"
NEVER_RIGHT = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    '"\\ud800"',
    '"a\\udfffb"',
    '{"a": {"b": 1}}',
)
NO_NAME = ('""', '"nowhere"', '"../../etc"', "1", "[]", json.dumps(MEGABYTE))
NO_TEXT = ('""', "1", "1.5", "true", '{"text": "a"}', json.dumps(MEGABYTE))
NO_INTEGER = ("0", "-1", "1.5", '"many"', "18446744073709551617", "-9223372036854775809", "1e30")
NO_LIST = ("[]", "[1]", "[null]", '["a", 2]', "[[]]", "{}", '"a"', json.dumps([MEGABYTE]))


def bad_bodies(route: Route) -> Iterator[bytes]:
    """Bodies that the route must refuse."""
    for text in (*NO_JSON, *NO_OBJECT, "{}"):
        yield text.encode()
    yield b"\xff\xfe{}"
    yield json.dumps({"no_such_field": 1}).encode()
    if "metadata" in route.body:
        yield with_value(route, "metadata", f'{{"number": {TOO_LONG_FOR_64_BITS}}}')
        yield with_value(route, "metadata", '{"number": 1e999}')
    kinds = (
        (route.body, NEVER_RIGHT),
        (route.names, NO_NAME if route.method == "POST" else NO_NAME[3:]),
        (route.texts, NO_TEXT),
        (route.integers, NO_INTEGER),
        (route.lists, NO_LIST),
    )
    for fields, values in kinds:
        for field in fields:
            yield from (with_value(route, field, value) for value in values)


def with_value(route: Route, field: str, value: str) -> bytes:
    """The route's body with this JSON, or what only looks like JSON, in a field."""
    return json.dumps({**route.body, field: "@@"}).replace('"@@"', value).encode()


def fault(answer: httpx.Response, seconds: float) -> str | None:
    """What is wrong with the answer to a bad request; None when it is as promised."""
    if not 400 <= answer.status_code < 500:
        return f"status {answer.status_code}"
    if answer.headers["content-type"] != "application/problem+json":
        return f"content type {answer.headers['content-type']}"
    problem = answer.json()
    if problem["status"] != answer.status_code or not problem["detail"]:
        return f"problem {problem}"
    return f"{seconds:.2f} s" if seconds > LIMIT_S else None


def refused(http: httpx.Client, route: Route, body: bytes, headers: dict[str, str]) -> str | None:
    """Sends a body; the fault of the answer with the beginning of what was sent."""
    begun_s = time.monotonic()
    answer = http.request(route.method, route.path, content=body, headers=headers)
    found = fault(answer, time.monotonic() - begun_s)
    return f"{body[:120]!r} ({len(body)} bytes): {found}" if found else None


def test_the_table_names_every_route_that_takes_json(http: httpx.Client) -> None:
    found = set()
    for prefix in ("v1", "support"):
        document = http.get(f"/{prefix}/openapi.json").json()
        for path, operations in document["paths"].items():
            for method in operations.keys() & {"post", "put", "patch"}:
                found.add((method.upper(), f"/{prefix}{path}"))

    tested = {(route.method, route.path) for route in ROUTES if route.method == "POST"}
    base = "/support/knowledge-bases/{name}"
    assert tested <= found
    assert found - tested == {
        ("PUT", base),
        ("POST", f"{base}/rebuild"),
        ("POST", f"{base}/documents"),
        ("PUT", f"{base}/documents/{{document_id}}"),
    }


@pytest.mark.parametrize("path", BY_PATH)
def test_bad_bodies_are_problems(http: httpx.Client, path: str) -> None:
    route = BY_PATH[path]
    bodies = list(bad_bodies(route))

    faults = [found for body in bodies if (found := refused(http, route, body, JSON_TYPE))]

    assert len(bodies) > 30
    assert not faults, "\n".join(faults)
    assert http.get("/support/knowledge-bases/bad-puts").status_code == 404


@pytest.mark.parametrize("path", BY_PATH)
def test_a_body_of_another_type_is_a_problem(http: httpx.Client, path: str) -> None:
    route = BY_PATH[path]
    body = json.dumps(route.body).encode()
    types = ("", "text/plain", "application/xml", "multipart/form-data", "application/x-ndjson")

    faults = [
        found for kind in types if (found := refused(http, route, body, {"content-type": kind}))
    ]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "embed", "input": ["a"] * 100_000}),
        ("/v1/embeddings", {"model": "embed", "input": ["a " * 4000] * 1000}),
        ("/v1/classify", {"model": "support-intent", "input": ["a"] * 100_000}),
        ("/v1/rerank", {"model": "embed", "query": "a", "documents": ["a"] * 100_000}),
        ("/support/search", {"knowledge_base": "help-centre", "query": "a", "top_k": 100_000}),
    ],
)
def test_too_much_at_once_is_a_problem(
    http: httpx.Client, path: str, body: dict[str, object]
) -> None:
    found = refused(http, BY_PATH[path], json.dumps(body).encode(), JSON_TYPE)

    assert found is None, found


@pytest.mark.parametrize("path", BY_PATH)
def test_a_body_over_the_limit_is_a_problem(http: httpx.Client, path: str) -> None:
    begun_s = time.monotonic()
    body = b'{"a": "' + b"a" * (9 * 2**20) + b'"}'
    try:
        answer = http.request(BY_PATH[path].method, path, content=body, headers=JSON_TYPE)
    except httpx.WriteError:
        pytest.fail("the connection was closed before the answer could be read")

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert time.monotonic() - begun_s < LIMIT_S


GOOD_LINE = '{"id": "a", "title": "t", "text": "x"}'
BAD_LINES = {
    "nothing": "",
    "no-json": "not json",
    "second-no-json": f"{GOOD_LINE}\nnot json",
    "second-without-text": f'{GOOD_LINE}\n{{"id": "b"}}',
    "second-empty": f'{GOOD_LINE}\n{{"id": "b", "title": "t", "text": ""}}',
    "id-no-text": f'{GOOD_LINE}\n{{"id": 1, "title": "t", "text": "x"}}',
    "nan": f'{GOOD_LINE}\n{{"id": "b", "title": "t", "text": NaN}}',
    "surrogate": f'{GOOD_LINE}\n{{"id": "b", "title": "\\ud800", "text": "x"}}',
    "nul": f'{GOOD_LINE}\n{{"id": "b", "title": "\\u0000", "text": "x"}}',
    "deep": f"{GOOD_LINE}\n{DEEP}",
    "path-as-id": f'{GOOD_LINE}\n{{"id": "../b", "title": "t", "text": "x"}}',
    "half-a-question": f'{GOOD_LINE}\n{{"id": "b", "question": "q"}}',
    "huge-number": GOOD_LINE.replace("}", f', "metadata": {{"n": {TOO_LONG_FOR_64_BITS}}}}}'),
}
BAD_FILES = {
    "binary": ("a.exe", b"MZ\x00\x01"),
    "no-utf-8": ("a.md", b"\xff\xfe\xfa not utf-8 \x80"),
    "empty": ("a.md", b""),
    "row-too-short": ("a.csv", b"question,answer\nonly a question\n"),
    "wrong-columns": ("a.csv", b"wrong,columns\n1,2\n"),
    "bad-line": ("a.jsonl", b'{"question": "q", "answer": "a"}\n{"question": NaN}'),
    "only-tags": ("a.html", b"<p>" * 10_000),
    "path-as-name": ("../../a.md", b""),
    "no-name": ("", b"# Title\n\nText."),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_lines_leave_nothing_behind(http: httpx.Client, name: str) -> None:
    knowledge_base = f"lines-{name}"
    begun_s = time.monotonic()

    answer = http.post(
        documents_path(knowledge_base), content=BAD_LINES[name].encode(), headers=LINES
    )

    assert fault(answer, time.monotonic() - begun_s) is None, answer.text
    assert http.get(f"/support/knowledge-bases/{knowledge_base}").status_code == 404


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_leave_nothing_behind(http: httpx.Client, name: str) -> None:
    knowledge_base = f"file-{name}"
    begun_s = time.monotonic()

    answer = http.post(documents_path(knowledge_base), files={"file": BAD_FILES[name]})

    assert fault(answer, time.monotonic() - begun_s) is None, answer.text
    assert http.get(f"/support/knowledge-bases/{knowledge_base}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/support/knowledge-bases/nowhere/documents/a",
        "/support/knowledge-bases/help-centre/documents/nowhere",
        "/support/knowledge-bases/%00/documents/a",
        "/support/knowledge-bases/" + "a" * 5000 + "/documents/a",
        "/support/knowledge-bases/..%2f..%2fetc/documents/passwd",
        "/support/knowledge-bases/help-centre/documents/%ff%fe",
        "/support/knowledge-bases/b%C3%A4nk/documents/%F0%9F%98%80",
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_unknown_documents_are_problems(http: httpx.Client, method: str, path: str) -> None:
    begun_s = time.monotonic()

    answer = http.request(method, path)

    assert fault(answer, time.monotonic() - begun_s) is None, answer.text
