"""PDF and DOCX files over HTTP: what is stored, found and refused, and who waits meanwhile."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from services.support.ingest.extraction import process
from tests.harness.support.office import docx, encrypted_pdf, manual_pdf, paragraph, scanned_pdf

BOOK = "/knowledge-bases/book/documents"


async def test_their_text_is_stored_found_and_cited(http: httpx.AsyncClient) -> None:
    steps = paragraph("Owls", style="Heading1") + paragraph("Owls hunt mice &amp; voles at night.")
    files = [
        ("file", ("manual.pdf", manual_pdf(["First use", "Cleaning"]))),
        ("file", ("Owls.DOCX", docx(steps, title="All about owls"))),
        ("file", ("note.txt", b"Fish swim.")),
    ]

    written = await http.post(BOOK, files=files)

    assert written.json()["documents"] == 3, written.text
    owls = (await http.get(f"{BOOK}/Owls")).json()
    assert (owls["title"], owls["format"]) == ("All about owls", "html")
    assert owls["text"] == "<h1>Owls</h1>\n<p>Owls hunt mice &amp; voles at night.</p>"
    manual = (await http.get(f"{BOOK}/manual")).json()
    assert (manual["title"], manual["metadata"]) == ("Aurora Barista 3 manual", {"pages": 3})
    query = {"knowledge_base": "book", "query": "what do owls hunt at night"}
    hit = (await http.post("/search", json=query)).json()["hits"][0]
    assert hit["document_id"] == "Owls"
    assert "Owls hunt mice & voles at night." in hit["text"]
    cited = owls["text"][hit["start"] : hit["end"]]
    assert cited == "Owls</h1>\n<p>Owls hunt mice &amp; voles at night."


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("scan.pdf", scanned_pdf(3), "scan.pdf: 3 of its 3 pages have no text"),
        ("secret.pdf", encrypted_pdf(user_password="x"), "secret.pdf: a password protects it"),
        (
            "old.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 70,
            "old.docx: it is a Word document of",
        ),
        (
            "a.pdf",
            b"Owls hunt.",
            "a.pdf: it is not a PDF, it is plain text: give the file its right ending",
        ),
        ("..pdf", manual_pdf([]), "the id '.'"),
    ],
)
async def test_what_cannot_be_read_is_refused_and_nothing_is_written(
    http: httpx.AsyncClient, name: str, content: bytes, reason: str
) -> None:
    files = [("file", ("note.txt", b"Fish swim.")), ("file", (name, content))]

    answer = await http.post(BOOK, files=files)

    assert answer.status_code == 422
    assert reason in answer.json()["detail"]
    assert (await http.get("/knowledge-bases/book")).status_code == 404


async def test_others_are_answered_while_a_file_is_read(
    http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More slow files than threads, of those for all and of those for files."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    await http.put(f"{BOOK}/owl", json={"title": "Owls", "text": "Owls hunt."})
    gate = tmp_path / "gate"
    (tmp_path / "slow.py").write_text(
        "import sys, time\nfrom pathlib import Path\n"
        "from services.support.ingest.extraction.extracted import Extracted\n"
        f"while not Path({str(gate)!r}).exists(): time.sleep(0.01)\n"
        "sys.stdout.buffer.write(b'text ' + Extracted('<p>Slow.</p>', '').dump())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(process, "_MODULE", "slow")

    uploads = [
        asyncio.create_task(http.post(BOOK, files={"file": (f"{number}.pdf", b"%PDF-")}))
        for number in range(5)
    ]
    search = {"knowledge_base": "book", "query": "owls"}
    async with asyncio.timeout(30):
        assert (await http.post("/search", json=search)).status_code == 200
        note = await http.post(BOOK, files={"file": ("note.txt", b"Fish swim.")})
        assert note.status_code == 200
    assert not [task for task in uploads if task.done()]
    gate.touch()

    answers = await asyncio.gather(*uploads)
    assert {answer.status_code for answer in answers} == {200}
