"""A recommendation application of a few lines, for the commands that talk to one."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class RecommendationServed:
    """Keeps events by id; is `busy` for some requests; refuses events that hold `bad`.

    It ranks items by how often they were clicked, then by id.
    """

    events: dict[str, dict[str, object]] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    busy: int = 0
    status: int = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.status != 200:
            return httpx.Response(self.status, json={"detail": "a key is needed"})
        path = request.url.path
        if path == "/recommend/feedback":
            return self._feedback(json.loads(request.content))
        if path == "/recommend/rank/default":
            return self._rank(json.loads(request.content))
        return httpx.Response(404, json={"detail": "Not Found"})

    def _feedback(self, events: list[dict[str, object]]) -> httpx.Response:
        if self.busy:
            self.busy -= 1
            return httpx.Response(429, json={"detail": "busy"}, headers={"retry-after": "2"})
        if any("bad" in str(event.get("item")) for event in events):
            return httpx.Response(422, json={"detail": "an item is bad"})
        self.batches.append(len(events))
        stored = repeated = 0
        conflicting: list[object] = []
        for event in events:
            known = self.events.setdefault(str(event["id"]), event)
            stored += known is event
            repeated += known is not event and known == event
            conflicting += [event["id"]] if known != event else []
        answer = {"stored": stored, "repeated": repeated, "conflicts": len(conflicting)}
        return httpx.Response(200, json={**answer, "conflicting": conflicting})

    def _rank(self, request: dict[str, Any]) -> httpx.Response:
        clicks = [e["item"] for e in self.events.values() if e["event"] == "interaction"]
        items = [e["item"] for e in self.events.values() if e["event"] == "item"]
        if "items" in request:
            items = [one["id"] for one in request["items"]]
        items.sort(key=lambda item: (-clicks.count(item), item))
        places = [
            {
                "item": item,
                "score": clicks.count(item) + 0.5,
                "reasons": [{"kind": "popular", "text": "popular [week]", "item": None}],
                "features": {"popular_week": 0.25, "item_age": -3.0, "price": None, "none": 0.0},
            }
            for item in items[: request.get("count")]
        ]
        return httpx.Response(200, json={"took": 1.25, "items": places})
