"""stackfaq through the application in process, with the real trunk: the floor of its quality."""

from pathlib import Path

import httpx
import orjson
import pytest

from services.support.config import SupportSettings
from services.support.routes import routes
from services.support.service import open_service
from shared.metrics.retrieval import hit_at_k, judge, mrr_at_k
from shared.models.tasks import EMBED_TASK
from tests.harness.claims import at_least
from tests.harness.data import DATA
from tests.harness.real_trunk import real_trunk
from tests.harness.support.data import stackfaq
from tests.harness.support.figures import is_no_worse, measure

pytestmark = [
    pytest.mark.drill,
    pytest.mark.realdata,
    pytest.mark.skipif(
        not (DATA / "support" / "stackfaq.corpus.jsonl").exists(),
        reason=f"no data in {DATA}: set BANYAN_DATA_DIR",
    ),
]


async def test_stackfaq_is_answered_as_well_as_its_floor(tmp_path: Path) -> None:
    data = stackfaq()
    rows = [{"id": d.id, "question": d.title, "answer": d.text} for d in data.documents]
    async with real_trunk(tmp_path / "vectors") as trunk:
        service = open_service(SupportSettings(state_dir=tmp_path), trunk)
        transport = httpx.ASGITransport(routes(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://support") as http:
            written = await http.post(
                "/knowledge-bases/stackfaq/documents",
                content=b"\n".join(map(orjson.dumps, rows)),
                headers={"content-type": "application/x-ndjson"},
                timeout=120,
            )
            assert written.status_code == 200, written.text
            ranked: list[list[str]] = []
            for query in data.queries:
                asked = {"knowledge_base": "stackfaq", "query": query, "top_k": 10}
                hits = (await http.post("/search", json=asked)).json()["hits"]
                ranked.append([hit["document_id"] for hit in hits])
        await service.close()
        figures = await measure(data, trunk, EMBED_TASK)

    judged = judge(ranked, data.relevant)
    assert float(hit_at_k(judged, 1).mean()) >= at_least(0.967, len(ranked))
    assert float(mrr_at_k(judged, 10).mean()) >= at_least(0.981, len(ranked))
    assert is_no_worse(figures), figures
