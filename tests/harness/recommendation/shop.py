"""A shop as a client of the platform sees it: events as they are sent, items as they are ranked."""

import time

import httpx

from shared.storage.identifiers import new_id

Json = dict[str, object]


def now_ms() -> int:
    return int(time.time() * 1000)


def item(name: str, title: str, category: str) -> Json:
    fields = [{"name": "title", "value": title}, {"name": "category", "value": category}]
    return {"event": "item", "id": new_id(), "timestamp": now_ms(), "item": name, "fields": fields}


def interaction(user: str, name: str, kind: str = "click") -> Json:
    return {
        "event": "interaction",
        "id": new_id(),
        "timestamp": now_ms(),
        "type": kind,
        "user": user,
        "session": f"{user}-1",
        "item": name,
    }


def feedback(http: httpx.Client, *events: Json) -> Json:
    answer = http.post("/recommend/feedback", json=list(events))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def ranked(http: httpx.Client, user: str, **query: str | int) -> list[Json]:
    answer = http.get(f"/recommend/users/{user}", params={"explain": "true", **query})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


def similar(http: httpx.Client, name: str) -> list[str]:
    """The items nearest to one that nobody has met: by their texts, once these are embedded."""
    answer = http.get(f"/recommend/items/{name}/similar", params={"n": 100})
    assert answer.status_code == 200, answer.text
    return ids(answer.json()["items"])


def ids(items: list[Json]) -> list[str]:
    return [str(one["item"]) for one in items]
