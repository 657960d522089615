"""A sentiment application of a few lines, for the commands that talk to one."""

import json
from dataclasses import dataclass, field

import httpx

SCORES = {"negative": 0.125, "neutral": 0.25, "positive": 0.625}


def alert(entity: str, state: str, *, started_at: float = 1_700_000_000.0) -> dict[str, object]:
    """An alert as the application tells it."""
    ended = state == "resolved"
    return {
        "uid": f"{entity}-{started_at:.0f}",
        "fingerprint": "0123456789abcdef",
        "entity": entity,
        "state": state,
        "started_at": started_at,
        "fired_at": None if state == "pending" else started_at + 60,
        "resolved_at": started_at + 3600 if ended else None,
        "figures": {
            "negative": 9, "total": 11, "expected_negative": 0.75, "baseline_share": 0.2,
            "share": 0.8, "count_p": 1e-7, "share_p": 1e-4, "window_s": 1800,
        },
        "drivers": [{"id": "n1", "text": "Acme [recalls] everything", "negative": 0.99}],
        "version": 1,
    }  # fmt: skip


@dataclass
class SentimentServed:
    """Remembers every request; `alerts` are what it tells, and `news` if it ever had any."""

    alerts: list[dict[str, object]] = field(default_factory=list)
    news: bool = True
    status: int = 200
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.status != 200:
            return httpx.Response(self.status, json={"detail": "a key is needed"})
        match request.url.path:
            case "/sentiment/analyze":
                return httpx.Response(200, json=_analysis(json.loads(request.content)))
            case "/sentiment/alerts":
                return httpx.Response(200, json={"alerts": self.alerts})
            case "/sentiment/alerts/stream":
                headers = {"content-type": "text/event-stream"}
                return httpx.Response(200, content=self._events().encode(), headers=headers)
            case "/sentiment/entities":
                entity = {"entity": "[Acme]", "negative": 3, "neutral": 0, "positive": 1}
                return httpx.Response(200, json={"entities": [{**entity, "total": 4}]})
            case "/sentiment/trends":
                return httpx.Response(200, json={"points": _points() if self.news else []})
            case "/sentiment/stream":
                return httpx.Response(200, json={"topic": "news"})
        return httpx.Response(404, json={"detail": "Not Found"})

    def _events(self) -> str:
        numbered = enumerate(self.alerts, start=1)
        return "".join(f"id: {n}\nevent: alert\ndata: {json.dumps(a)}\n\n" for n, a in numbered)


def _points() -> list[dict[str, object]]:
    counts = [(0, 0, 0), (1, 0, 7), (3, 0, 1)]
    return [
        {
            "negative": negative, "neutral": neutral, "positive": positive,
            "total": (total := negative + neutral + positive),
            "score": (positive - negative) / total if total else None,
        }
        for negative, neutral, positive in counts
    ]  # fmt: skip


def _analysis(request: dict[str, list[object]]) -> dict[str, object]:
    names = request.get("entities", [["Acme"]])[0]
    assert isinstance(names, list)
    score = {"label": "positive", "scores": SCORES}
    entities = [
        {"text": name, "entity": "Acme Ltd" if name == "Acme" else name, **score} for name in names
    ]
    return {"data": [{"index": 0, **score, "entities": entities}]}
