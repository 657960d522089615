"""Knowledge bases as a client writes them."""

import json
from collections.abc import Iterable, Mapping

import httpx

LINES = {"content-type": "application/x-ndjson"}

Fields = Mapping[str, object]


def documents_path(knowledge_base: str) -> str:
    return f"/support/knowledge-bases/{knowledge_base}/documents"


def upload(http: httpx.Client, knowledge_base: str, rows: Iterable[Fields]) -> None:
    """Writes many documents in one request."""
    lines = "\n".join(json.dumps(row) for row in rows)
    answer = http.post(
        documents_path(knowledge_base), content=lines.encode(), headers=LINES, timeout=120
    )
    assert answer.status_code in (200, 201), answer.text


def search(
    http: httpx.Client, knowledge_base: str, query: str, *, top_k: int = 5
) -> list[dict[str, object]]:
    """The hits of a search, best first."""
    body = {"knowledge_base": knowledge_base, "query": query, "top_k": top_k}
    answer = http.post("/support/search", json=body)
    assert answer.status_code == 200, answer.text
    hits: list[dict[str, object]] = answer.json()["hits"]
    return hits


def found_documents(
    http: httpx.Client, knowledge_base: str, query: str, *, top_k: int = 5
) -> list[str]:
    """The documents of the hits, best first, each once."""
    hits = search(http, knowledge_base, query, top_k=top_k)
    return list(dict.fromkeys(str(hit["document_id"]) for hit in hits))
