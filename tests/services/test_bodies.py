"""Every route that takes a body, with every part of a good one made wrong in many ways.

Whatever is refused is refused in plain words, at a place that the caller can find in the body.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.plain import FORBIDDEN
from tests.services.applications import APPLICATIONS, client_of

Place = tuple[str | int, ...]
Json = Any


@dataclass(frozen=True)
class Route:
    application: str
    method: str
    path: str
    body: Json

    def __str__(self) -> str:
        return f"{self.application} {self.method} {self.path}"


MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hello?"}]},
    {"role": "user", "content": "How?"},
]
CHAT = {
    "model": "support",
    "messages": MESSAGES,
    "stop": ["a"],
    "stream": False,
    "temperature": 1.0,
    "response_format": {"type": "text"},
    "tools": [],
}
ARTICLE = {"title": "T", "text": "A text.", "format": "plain", "metadata": {"a": [1, "b"]}}
FIELDS = [{"name": "title", "value": "Lamp"}]
ITEM = {
    "event": "item",
    "id": "e1",
    "timestamp": 1_770_000_000_000,
    "item": "lamp",
    "fields": FIELDS,
}
CLICK = {
    "event": "interaction",
    "id": "e2",
    "timestamp": "1770000000001",
    "type": "click",
    "user": "ann",
    "item": "lamp",
    "ranking": "r",
}
SHOWN = {
    "event": "ranking",
    "id": "e3",
    "timestamp": 1_770_000_000_002,
    "session": "s",
    "items": [{"id": "lamp"}],
}

ROUTES = [
    Route("backbone", "POST", "/embeddings",
          {"model": "embed", "input": ["a", "b"], "encoding_format": "float", "dimensions": 2}),
    Route("backbone", "POST", "/classify", {"model": "intent", "input": "a", "truncate": True}),
    Route("backbone", "POST", "/rerank",
          {"model": "embed", "query": "a", "documents": ["a", {"text": "b", "id": 1}], "top_n": 1}),
    Route("support", "POST", "/v1/chat/completions", CHAT),
    Route("support", "POST", "/search", {"query": "a", "top_k": 3}),
    Route("support", "POST", "/search", {"messages": MESSAGES, "top_k": 3}),
    Route("support", "PUT", "/knowledge-bases/made/documents/d", ARTICLE),
    Route("support", "PUT", "/knowledge-bases/made/documents/e",
          {"question": "Q?", "answer": "A.", "metadata": {}}),
    Route("sentiment", "POST", "/analyze",
          {"texts": ["Acme falls", "Bolt"], "entities": [["Acme"], None]}),
    Route("recommendation", "POST", "/feedback", [ITEM, CLICK, SHOWN]),
    Route("recommendation", "POST", "/feedback", ITEM),
    Route("recommendation", "POST", "/rank/default",
          {"user": "ann", "items": [{"id": "lamp"}], "fields": FIELDS, "count": 3}),
]  # fmt: skip

WRONG: list[Json] = [
    None, True, 5, -1, 0, 1.5, 2**70, 1e300, "", " ", "\x07", "a\x00b", "No Such", "x" * 501,
    "x" * 600_000, [], [None], [[1, 2]], ["a", 5, ""], {}, {"a": 1}, {"text": 5}, {"id": None},
]  # fmt: skip


def places(value: Json, at: Place = ()) -> Iterator[Place]:
    """Every part of a body, the whole too."""
    yield at
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*at, key))


def put(body: Json, place: Place, value: Json) -> Json:
    if not place:
        return value
    changed = copy.deepcopy(body)
    part = changed
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return changed


def without(body: Json, place: Place) -> Json:
    changed = copy.deepcopy(body)
    part = changed
    for key in place[:-1]:
        part = part[key]
    del part[place[-1]]
    return changed


def part_of(body: Json, place: Place) -> Json:
    for key in place:
        body = body[key]
    return body


def variants(body: Json) -> Iterator[tuple[Place, Json]]:
    """A good body with one part replaced, left out, or added, and where."""
    for place in places(body):
        yield from ((place, put(body, place, value)) for value in WRONG)
        if place:
            yield place, without(body, place)
        if isinstance(part_of(body, place), dict):
            added = (*place, "no_such_key")
            yield added, put(body, added, 1)


def stands_in(body: Json, location: str) -> bool:
    """Whether the caller finds the place: all of it, or all but a last key that is missing."""
    keys = location.split(".") if location else []
    for number, key in enumerate(keys):
        if isinstance(body, dict) and (key in body or number == len(keys) - 1):
            body = body.get(key)
        elif isinstance(body, list) and key.isdecimal() and int(key) < len(body):
            body = body[int(key)]
        else:
            return False
    return True


def meets(changed: Place, location: str, detail: str) -> bool:
    """Whether a place is that of the change, within it, or around it; '' is the whole body alone.

    Two fields may not fit each other: then the message names the one that was changed. Of two of
    which one is needed, the other may be what is missing.
    """
    if not location or not changed:
        return not changed
    pairs = zip(map(str, changed), location.split("."), strict=False)
    fits = all(one == other for one, other in pairs) or str(changed[0]) in detail
    return fits or (changed == ("messages",) and detail == "query: is missing: add it")


def check(problem: dict[str, Any], body: Json, changed: Place = ()) -> None:
    """Fails where an answer is not in plain words, or its places are not the caller's."""
    faults = problem.get("errors", [])
    said = [problem["detail"], *(fault["message"] for fault in faults)]
    for message in said:
        # What is quoted is the caller's own.
        assert FORBIDDEN.search(message) is None, message
        assert "\n" not in message
    assert len(problem["detail"]) < 1_500, problem["detail"]
    locations = [fault["location"] for fault in faults]
    if "error" in problem:
        locations.append(problem["error"].get("param") or "")
        assert problem["error"]["message"] == problem["detail"]
    for location in locations:
        assert stands_in(body, location), (location, problem["detail"])
        assert meets(changed, location, problem["detail"]), (changed, location, problem["detail"])
    assert len(set(locations)) >= len(faults), f"two faults at one place: {problem['detail']}"


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_whatever_is_wrong_is_said_in_plain_words(name: str, tmp_path: Path) -> None:
    refused = 0
    async with client_of(name, tmp_path) as http:
        for route in (route for route in ROUTES if route.application == name):
            for changed, body in (((), route.body), *variants(route.body)):
                answer = await send(http, route, body)
                if answer.status_code >= 400:
                    assert answer.status_code in (400, 404, 413, 422), (str(route), answer.text)
                    refused += 1
                    check(answer.json(), body, changed)
                else:
                    assert answer.status_code == 200, answer.text
    assert refused > 100


@pytest.mark.parametrize(
    ("name", "path", "body", "location"),
    [
        ("sentiment", "/analyze", {"texts": ["Acme falls", 5]}, "texts.1"),
        ("sentiment", "/analyze", {"texts": ["Acme falls", ""]}, "texts.1"),
        ("sentiment", "/analyze", {"texts": ["Acme falls", "x" * 20_001]}, "texts.1"),
        ("sentiment", "/analyze", {"texts": "Acme falls"}, "texts"),
        ("sentiment", "/analyze", {"texts": []}, "texts"),
        ("sentiment", "/analyze", {}, "texts"),
        ("sentiment", "/analyze", {"texts": ["a"], "entities": [["Acme", 5]]}, "entities.0.1"),
        ("sentiment", "/analyze", {"texts": ["a"], "entities": [[], []]}, "entities"),
        ("sentiment", "/analyze", [], ""),
        ("support", "/search", {"query": 5}, "query"),
        ("support", "/search", {"query": " "}, "query"),
        ("support", "/search", {}, "query"),
        ("support", "/search", {"query": "a", "top_k": 0}, "top_k"),
        ("support", "/search", {"query": "a", "top_k": "many"}, "top_k"),
        ("support", "/search", "a", ""),
    ],
)
async def test_a_fault_stands_where_the_caller_wrote_it(
    name: str, path: str, body: Json, location: str, tmp_path: Path
) -> None:
    async with client_of(name, tmp_path) as http:
        problem = (await http.post(path, json=body)).json()

    assert problem["status"] == 422
    assert [fault["location"] for fault in problem["errors"]] == [location]
    assert problem["detail"].startswith(f"{location}: " if location else "expected an object")


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_json_of_too_many_values_is_refused_before_it_is_parsed(
    name: str, tmp_path: Path
) -> None:
    """A fault for each would take minutes, and gigabytes; feedback holds more than the others."""
    most = 1_000_000 if name == "recommendation" else 100_000
    route = next(route for route in ROUTES if route.application == name)
    async with client_of(name, tmp_path) as http:
        for more, status in ((0, 422), (1, 400)):
            content = b"[" + b"0," * (most - 2 + more) + b"0]"
            headers = {"content-type": "application/json"}
            answer = await http.request(route.method, route.path, content=content, headers=headers)
            said = f"the JSON is too large: more than {most} values" in answer.json()["detail"]
            assert (answer.status_code, said) == (status, status == 400), answer.text[:200]


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_null_in_an_optional_field_is_absence(name: str, tmp_path: Path) -> None:
    tried = 0
    async with client_of(name, tmp_path) as http:
        document = (await http.get("/openapi.json")).json()
        for route in (route for route in ROUTES if route.application == name):
            for field in [*optional_fields(document, route), "no_such_key"]:
                body = {**first_event(route.body), field: None}
                answer = await send(http, route, body)
                assert answer.status_code == 200, (str(route), field, answer.text)
                tried += 1
    assert tried > 1


def first_event(body: Json) -> dict[str, Json]:
    body = body[0] if isinstance(body, list) else body
    return {key: value for key, value in body.items() if key != "no_such_key"}


def optional_fields(document: Json, route: Route) -> set[str]:
    """The fields of the route's body, as OpenAPI has them, that need not be there."""
    given = first_event(route.body)
    optional: set[str] = set()
    for schema in schemas_of(document, body_schema(document, route)):
        fields, needed = schema.get("properties", {}), set(schema.get("required", []))
        kind = fields.get("event", {}).get("const", given.get("event"))
        for field in fields.keys() - needed if needed <= given.keys() else ():
            assert {"type": "null"} in fields[field]["anyOf"], field
        if needed <= given.keys() and kind == given.get("event"):
            optional |= fields.keys() - needed
    return optional


def schemas_of(document: Json, schema: Json) -> Iterator[Json]:
    """A schema, what it refers to, and of alternatives each."""
    yield schema
    if reference := schema.get("$ref"):
        yield from schemas_of(document, document["components"]["schemas"][reference[21:]])
    for one in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
        yield from schemas_of(document, one)


def body_schema(document: Json, route: Route) -> Json:
    (operation,) = [
        operations[route.method.lower()]
        for path, operations in document["paths"].items()
        if matches(path, route.path) and route.method.lower() in operations
    ]
    return operation["requestBody"]["content"]["application/json"]["schema"]


def matches(pattern: str, path: str) -> bool:
    wanted, parts = pattern.split("/"), path.split("/")
    return len(wanted) == len(parts) and all(
        part == want or want.startswith("{") for want, part in zip(wanted, parts, strict=True)
    )


QUERIES = {
    "support": [
        "/knowledge-bases/NO", "/knowledge-bases/a/documents?limit=x",
        "/knowledge-bases/a/documents?limit=0", "/knowledge-bases/nowhere", "/v1/models/gpt",
    ],
    "sentiment": [
        "/alerts/xyz", "/alerts?limit=501", "/alerts?state=odd", "/entities?limit=many",
        "/trends?window=2h", "/trends?from=yesterday", "/trends?entity=%07",
        "/alerts/stream?last_event_id=-1",
    ],
    "recommendation": ["/users/ann?n=0", "/popular?n=x", "/users/ann?exclude_seen=perhaps",
                       "/items/none/similar", "/popular?category=%07"],
    "backbone": ["/models/none", "/models/a@b", "/models/intent@0123456789ab"],
}  # fmt: skip


@pytest.mark.parametrize("name", QUERIES)
async def test_a_wrong_address_is_said_in_plain_words(name: str, tmp_path: Path) -> None:
    async with client_of(name, tmp_path) as http:
        for path in QUERIES[name]:
            answer = await http.get(path)
            assert answer.status_code in (404, 422), (path, answer.text)
            problem = answer.json()
            for fault in problem.get("errors", []):
                assert fault["location"] in (
                    *httpx.QueryParams(path.partition("?")[2]),
                    "name",
                    "uid",
                )
                assert problem["detail"].startswith(f"{fault['location']}: ")
            check({**problem, "errors": [], "error": {"message": problem["detail"]}}, {})


async def send(http: httpx.AsyncClient, route: Route, body: Json) -> httpx.Response:
    return await http.request(route.method, route.path, json=body)
