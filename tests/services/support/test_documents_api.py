"""Knowledge bases and documents over HTTP."""

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest

from services.support.confidence import load_calibration
from services.support.config import SupportSettings
from services.support.ingest.ids import derived_id, former_id
from services.support.service import SupportService
from shared.errors import DependencyError
from shared.http.keys import Role
from tests.harness.support.fakes import FakeTrunk, FixedConfidence

BOOK = "/knowledge-bases/book/documents"
OWL = {"question": "What do owls eat?", "answer": "Mice."}
LINES = {"content-type": "application/x-ndjson"}


def lines(*rows: object) -> bytes:
    return b"\n".join(map(orjson.dumps, rows))


async def search(http: httpx.AsyncClient, query: str, **options: Any) -> list[dict[str, Any]]:
    answer = await http.post("/search", json={"knowledge_base": "book", "query": query, **options})
    assert answer.status_code == 200, answer.text
    hits: list[dict[str, Any]] = answer.json()["hits"]
    return hits


@pytest.mark.parametrize(
    ("text", "given", "read_as"),
    [
        ("Roses.\n\n## Water\n\nDaily.", {}, "markdown"),
        ("Roses.\n\n## Water\n\nDaily.", {"format": None}, "markdown"),
        ("Roses.\n\n## Water\n\nDaily.", {"format": "plain"}, "plain"),
        ("Roses.\n\nWater them daily.", {}, "plain"),
    ],
)
async def test_a_text_without_a_format_is_markdown_where_it_looks_so(
    http: httpx.AsyncClient, text: str, given: dict[str, str | None], read_as: str
) -> None:
    for fields in ({"title": "Roses", "text": text}, {"question": "Roses?", "answer": text}):
        assert (await http.put(f"{BOOK}/roses", json={**fields, **given})).status_code == 200
        assert (await http.get(f"{BOOK}/roses")).json()["format"] == read_as


async def test_a_document_lives_from_put_to_delete(http: httpx.AsyncClient) -> None:
    article = {"title": "Roses", "text": "Water  them.", "metadata": {"n": 1, "tags": ["a", True]}}

    written = await http.put(f"{BOOK}/r 1", json=article)
    assert written.json() == {"knowledge_base": "book", "version": 1, "documents": 1}
    read = (await http.get(f"{BOOK}/r 1")).json()
    assert {key: read[key] for key in article} == article
    assert (read["id"], read["format"], read["version"]) == ("r 1", "plain", 1)
    await http.put(f"{BOOK}/owl", json=OWL)
    read = (await http.get(f"{BOOK}/owl")).json()
    assert {key: read[key] for key in OWL} == OWL
    assert "title" not in read

    hit = (await search(http, "water the roses"))[0]
    assert hit["passage_id"] == "r 1#0"
    assert article["text"][hit["start"] : hit["end"]] == "Water  them."  # type: ignore[index]

    assert (await http.delete(f"{BOOK}/r 1")).json()["version"] == 3
    assert (await http.get(f"{BOOK}/r 1")).status_code == 404
    assert (await http.delete(f"{BOOK}/r 1")).status_code == 404


async def test_knowledge_bases_are_made_listed_and_dropped(http: httpx.AsyncClient) -> None:
    made = (await http.put("/knowledge-bases/book")).json()
    assert (made["name"], made["version"], made["documents"]) == ("book", 0, 0)
    await http.put(f"{BOOK}/owl", json=OWL)
    assert (await http.put("/knowledge-bases/book")).json()["documents"] == 1
    listed = (await http.get("/knowledge-bases")).json()["knowledge_bases"]
    assert [(base["name"], base["bundle"]) for base in listed] == [("book", "embed@000000000001")]

    rebuilt = (await http.post("/knowledge-bases/book/rebuild")).json()
    assert (rebuilt["documents"], rebuilt["version"]) == (1, 1)

    assert (await http.delete("/knowledge-bases/book?confirm=book")).status_code == 204
    assert (await http.get("/knowledge-bases/book")).status_code == 404
    assert (
        await http.post("/search", json={"knowledge_base": "book", "query": "a"})
    ).status_code == 404


@pytest.mark.parametrize("query", ["", "?confirm=", "?confirm=other", "?confirm=true"])
async def test_a_knowledge_base_is_deleted_only_by_its_name(
    http: httpx.AsyncClient, query: str
) -> None:
    await http.put(f"{BOOK}/owl", json=OWL)

    refused = await http.delete(f"/knowledge-bases/book{query}")

    assert refused.status_code == 422
    assert "?confirm=book" in refused.json()["detail"]
    assert (await http.get(f"{BOOK}/owl")).status_code == 200


@pytest.mark.parametrize("name", ["owner/name", "https://example.org/a?b=c#d", "50 %", "%2e%2e"])
async def test_any_id_is_written_read_and_deleted(http: httpx.AsyncClient, name: str) -> None:
    await http.post(BOOK, content=lines({"id": name, **OWL}), headers=LINES)
    path = f"{BOOK}/{quote(name, safe='')}"

    assert (await http.get(path)).json()["id"] == name
    assert (await http.put(path, json=OWL)).json()["documents"] == 1
    assert len((await http.get(BOOK)).json()["documents"]) == 1
    assert (await http.delete(path)).json()["documents"] == 1
    assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("name", ["%2e", "%2e%2e", "a%2F..", "%2e%2e%2Fb"])
async def test_an_id_that_clients_take_out_of_an_address_is_refused_there(
    http: httpx.AsyncClient, name: str
) -> None:
    await http.put("/knowledge-bases/book")

    for answer in (
        await http.put(f"{BOOK}/{name}", json=OWL),
        await http.get(f"{BOOK}/{name}"),
        await http.delete(f"{BOOK}/{name}"),
    ):
        assert answer.status_code == 422
        assert "choose another id" in answer.json()["detail"]
    assert (await http.get("/knowledge-bases/book")).status_code == 200


@pytest.mark.parametrize("name", [".", "..", "a/../b"])
async def test_and_in_rows_files_and_front_matter(http: httpx.AsyncClient, name: str) -> None:
    bodies: list[dict[str, Any]] = [
        {"content": lines({"id": "a", **OWL}, {"id": name, **OWL}), "headers": LINES},
        {"files": {"file": ("faq.csv", f"id,question,answer\n{name},Owls?,Hoot.\n".encode())}},
        {"files": {"file": ("a.md", f'---\nid: "{name}"\n---\n# A\n\nText.'.encode())}},
    ]
    if "/" not in name:
        bodies.append({"files": {"file": (f"{name}.md", b"# A\n\nText.")}})

    for body in bodies:
        answer = await http.post(BOOK, **body)
        assert answer.status_code == 422, body
        assert f"the id {name!r}" in answer.json()["detail"]
    assert (await http.get("/knowledge-bases/book")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "POST"])
async def test_nothing_is_redirected(http: httpx.AsyncClient, method: str) -> None:
    await http.put("/knowledge-bases/book")
    for path in ("/knowledge-bases/book/", "/knowledge-bases/", f"{BOOK}/", "/v1/models/"):
        answer = await http.request(method, path, headers={"host": "evil.example"})

        assert answer.status_code in (404, 405, 422), path
        assert "location" not in answer.headers
    assert (await http.get("/knowledge-bases/book")).status_code == 200


async def test_documents_are_listed_in_pages(http: httpx.AsyncClient) -> None:
    rows = [{"id": f"d{n}", "title": "t", "text": "x"} for n in range(7)]
    await http.post(BOOK, content=lines(*rows), headers=LINES)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (await http.get(BOOK, params={"after": after, "limit": 3})).json()
        seen += [document["id"] for document in page["documents"]]
        after = page["next"]

    assert seen == [f"d{n}" for n in range(7)]


async def test_rows_with_one_id_replace_each_other_and_rows_without_get_one(
    http: httpx.AsyncClient,
) -> None:
    body = lines({"id": "a", **OWL}, {"id": "a", "question": "Newer?", "answer": "Yes."}, OWL)

    for _ in range(2):
        written = await http.post(BOOK, content=body, headers=LINES)
        assert written.json()["documents"] == 2

    listed = (await http.get(BOOK)).json()["documents"]
    assert len(listed) == 2
    assert (await http.get(f"{BOOK}/a")).json()["question"] == "Newer?"


async def test_files_of_every_kind_are_read(http: httpx.AsyncClient) -> None:
    files = [
        ("file", ("guide.md", b"---\ntitle: Moles\nintents: [mole]\n---\n# M\n\nMoles dig.\n")),
        ("file", ("page.html", b"<title>Bees</title><p>Bees fly.</p>")),
        ("file", ("note.txt", b"\xef\xbb\xbfFish swim.")),
        ("file", ("faq.csv", b"id,question,answer,topic\nq1,Owls?,They hoot.,birds\n")),
        ("file", ("more.jsonl", lines({"id": "q2", "title": "Cats", "text": "Cats sleep."}))),
    ]

    written = await http.post(BOOK, files=files)

    assert written.json()["documents"] == 5, written.text
    guide = (await http.get(f"{BOOK}/guide")).json()
    assert (guide["title"], guide["metadata"]) == ("Moles", {"intents": ["mole"]})
    assert guide["text"].startswith("# M")
    assert (await http.get(f"{BOOK}/page")).json()["title"] == "Bees"
    assert (await http.get(f"{BOOK}/note")).json()["text"] == "Fish swim."
    assert (await http.get(f"{BOOK}/q1")).json()["metadata"] == {"topic": "birds"}
    assert (await search(http, "cats sleep"))[0]["document_id"] == "q2"


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("2024", "2024"),
        ("1.10", "1.10"),
        ("0755", "0755"),
        ("Yes", "Yes"),
        ("2024-01-05", "2024-01-05"),
        ("'quoted'", "quoted"),
        ("~", "Heading"),
    ],
)
async def test_a_title_is_the_text_that_stands_there(
    http: httpx.AsyncClient, written: str, title: str
) -> None:
    source = f"---\ntitle: {written}\nid: 007\n---\n# Heading\n\nMoles dig.\n"

    answer = await http.post(BOOK, files={"file": ("a.md", source.encode())})

    assert answer.status_code == 200, answer.text
    assert (await http.get(f"{BOOK}/007")).json()["title"] == title


async def test_nested_front_matter_is_kept_as_metadata(http: httpx.AsyncClient) -> None:
    source = (
        "---\nauthor:\n  name: Ada\n  since: 2024-01-05\n  left: ~\n"
        "links: [{to: a, n: 1}, plain, ~, [1, 2]]\nDate created: 1999\n作者: 艾达\nempty: {}\n"
        "---\nDig."
    )

    answer = await http.post(BOOK, files={"file": ("a.md", source.encode())})

    assert answer.status_code == 200, answer.text
    assert (await http.get(f"{BOOK}/a")).json()["metadata"] == {
        "author.name": "Ada",
        "author.since": "2024-01-05",
        "links": ['{"to":"a","n":1}', "plain", "[1,2]"],
        "Date created": 1999,
        "作者": "艾达",
    }


async def test_further_columns_are_metadata_whatever_their_headings(
    http: httpx.AsyncClient,
) -> None:
    content = "ID;Question;Answer;Zuständig bei;Titel 2\nq;Wo?;Hier.;Bank;\n".encode("cp1252")

    await http.post(BOOK, files={"file": ("a.csv", content)})

    read = (await http.get(f"{BOOK}/q")).json()
    assert (read["question"], read["metadata"]) == ("Wo?", {"Zuständig bei": "Bank"})


async def test_an_edited_answer_replaces_the_old_one(http: httpx.AsyncClient) -> None:
    await http.post(
        BOOK, files={"file": ("faq.csv", b"question,answer\nOwls?,Mice.\nCats?,Fish.\n")}
    )
    edited = "Frage;question;answer\n1; OWLS? ;Voles.\n2;Cats?;Fish.\n".encode("utf-16")

    await http.post(BOOK, files={"file": ("faq.csv", edited)})

    listed = (await http.get(BOOK)).json()["documents"]
    read = [(await http.get(f"{BOOK}/{each['id']}")).json() for each in listed]
    assert sorted((each["question"].strip(), each["answer"]) for each in read) == [
        ("Cats?", "Fish."),
        ("OWLS?", "Voles."),
    ]
    assert len(await search(http, "owls")) == 2


async def test_what_was_stored_by_the_answer_gives_way_to_its_question(
    http: httpx.AsyncClient,
) -> None:
    for answer in ("Mice.", "Rats."):
        await http.put(
            f"{BOOK}/{former_id(OWL['question'], answer)}", json={**OWL, "answer": answer}
        )
    await http.put(f"{BOOK}/kept", json={**OWL, "answer": "Kept, for it has its own id."})
    await search(http, "owls")

    await http.post(BOOK, content=lines({**OWL, "answer": "Voles."}), headers=LINES)

    ids = [each["id"] for each in (await http.get(BOOK)).json()["documents"]]
    assert sorted(ids) == sorted(["kept", derived_id(OWL["question"])])
    found = {hit["document_id"] for hit in await search(http, "what do owls eat mice rats")}
    assert found == set(ids)


@pytest.mark.parametrize(
    "files",
    [
        [("a.csv", b"question,answer\nOwls?,Mice.\nowls? ,Voles.\n")],
        [
            ("a.csv", b"question,answer\nOwls?,Mice.\n"),
            ("b.jsonl", b'{"title":"Owls?","text":"x"}'),
        ],
    ],
)
async def test_a_question_with_two_answers_is_refused_with_both_places(
    http: httpx.AsyncClient, files: list[tuple[str, bytes]]
) -> None:
    answer = await http.post(BOOK, files=[("file", file) for file in files])

    assert answer.status_code == 422
    assert "stands in a.csv, line 2 already, with another answer" in answer.json()["detail"]


async def test_a_row_that_stands_twice_is_there_once(http: httpx.AsyncClient) -> None:
    content = b"id,question,answer\n,Owls?,Mice.\n,Owls?,Mice.\nown,Owls?,Voles.\n"

    written = await http.post(BOOK, files={"file": ("a.csv", content)})

    assert written.json()["documents"] == 2, written.text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no document"),
        (lines({"id": "a", **OWL}) + b"\n{", "line 2: not JSON"),
        (lines({"id": "a", **OWL}, {"question": "x"}), "line 2: answer"),
        (lines({"id": "a", **OWL}, {"question": " ", "answer": "x"}), "line 2: question"),
        (lines({"id": "a", **OWL}, {"id": "b/..", **OWL}), "line 2"),
        (lines({"id": "a", **OWL}, {"id": 1, **OWL}), "line 2"),
        (lines({"id": "a", **OWL}, {"title": "t", "text": "a\u0000"}), "line 2: text"),
        (lines({"id": "a", **OWL}, {"title": "t", "text": "x" * 500_001}), "line 2: text"),
        (lines({"id": "a", **OWL}, [1]), "line 2: expected an object"),
        (lines({"id": "a", **OWL}, {**OWL, "metadata": {"a": {"b": 1}}}), "line 2: metadata"),
        (lines({"id": "a", **OWL}) + b'\n{"question": "a", "answer": NaN}', "line 2"),
        (
            b'{"question": "a", "answer": "b", "metadata": {"n": 1180591620717411303424}}',
            "metadata",
        ),
        (b"[" * 50_000, "line 1: nested deeper than 64"),
        (b"\xff", "not UTF-8"),
    ],
)
async def test_a_bad_row_is_named_and_nothing_is_written(
    http: httpx.AsyncClient, body: bytes, message: str
) -> None:
    answer = await http.post(BOOK, content=body, headers=LINES)

    assert answer.status_code == 422, answer.text
    assert message in answer.json()["detail"]
    assert (await http.get(f"{BOOK}/a")).status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.exe", b"MZ", ".csv"),
        ("a.md", b"\xff\xff", "not UTF-8"),
        ("a.md", b"\xff\xfea", "begins as UTF-16 LE, and its byte 3 is not"),
        ("a.md", b"", "text"),
        ("a.md", b"---\na: [\n---\ntext", "a.md: the front matter, line 1: not YAML"),
        ("a.md", b"---\na: &a [*a]\n---\ntext", "front matter, line 1: the anchor or alias 'a'"),
        ("a.md", b"---\na: !!int ''\n---\ntext", "front matter, line 1: the tag"),
        ("a.md", b"---\na: " + b"[" * 500 + b"\n---\ntext", "deeper than 16 levels"),
        ("a.md", b"---\na: [[99999999999999999999]]\n---\ntext", "front matter cannot be JSON"),
        ("a.md", b'---\na: [{b: "\\ud800"}]\n---\ntext', "front matter cannot be JSON"),
        ("a.md", gzip.compress(b"# Owls", mtime=0), "a.md is packed by gzip: unpack it first"),
        ("a.html", b"\x1f\x8bno gzip", "a.html is packed by gzip"),
        ("a.csv", gzip.compress(b"question,answer\na,b\n", mtime=0), "a.csv is packed by gzip"),
        ("a.md", b"> " * 5000 + b"text", "a.md: the Markdown nests deeper than 100 levels"),
        ("a.txt", b"a" * 500_001, "a.txt: 500001 characters, at most 500000"),
        ("a.html", b"<b>" * 60_000, "a.html: the HTML has more than 50000 elements"),
        ("a.csv", b"question,answer\nonly a question\n", "line 2"),
        ("a.csv", b'question,answer\n"never closed,b\n', "line 2: a quote that opens"),
        ("a.csv", b"wrong,columns\n1,2\n", "there are 'wrong', 'columns'"),
        ("a.csv", b"question,answer\nq," + b"a" * 500_001, "line 2: answer"),
        ("a.html", b"<p>" * 20_000, "no text"),
        ("", b"text", "file"),
    ],
)
async def test_a_bad_file_is_named(
    http: httpx.AsyncClient, name: str, content: bytes, message: str
) -> None:
    answer = await http.post(BOOK, files={"file": (name, content)})

    assert answer.status_code == 422, answer.text
    assert message in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "title", "text"),
    [
        ("---\n\nA rule opens this page.\n", "page", None),
        ("---\nA rule before and after.\n---\n\n# T\n\nText.\n", "A rule before and after.", None),
        ("---\n- a list\n---\n# T\n\nText.\n", "T", None),
        ("---\n*Note*: see [this.\nAll is fine.\n---\n# T\n\nText.\n", None, None),
        ("---\ntitle: Mine\nno end: true\n\nText.\n", "page", None),
        ("---\n---\n# T\n\nText.\n", "T", "# T\n\nText.\n"),
        ("---\n# a comment\n---\n# T\n\nText.\n", "T", "# T\n\nText.\n"),
        ("---\r\ntitle: Mine\r\n---\r\nText.\r\n", "Mine", "Text.\r\n"),
        ("```\n# no title\n```\n\nText.\n", "page", None),
        ("Two\nlines\n=====\n\nText.\n", "Two lines", None),
    ],
)
async def test_front_matter_and_titles_are_told_from_rules_and_code(
    http: httpx.AsyncClient, content: str, title: str | None, text: str | None
) -> None:
    answer = await http.post(BOOK, files={"file": ("page.md", content.encode())})

    assert answer.status_code == 200, answer.text
    read = (await http.get(f"{BOOK}/page")).json()
    assert read["text"] == (content if text is None else text)
    if title is not None:
        assert read["title"] == title


async def test_a_stored_document_that_would_be_refused_today_takes_nothing_away(
    http: httpx.AsyncClient, service: SupportService, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = {"title": "Deep", "text": f"{'> ' * 20}Owls hoot.", "format": "markdown"}
    await http.put(f"{BOOK}/deep", json=deep)
    monkeypatch.setattr("shared.text.markdown.MAX_MARKDOWN_DEPTH", 10)

    rebuilt = await http.post("/knowledge-bases/book/rebuild")

    assert rebuilt.status_code == 200, rebuilt.text
    assert (await search(http, "owls hoot"))[0]["document_id"] == "deep"
    assert (await http.put(f"{BOOK}/deep", json=deep)).status_code == 422


async def test_a_body_of_another_type_is_refused(http: httpx.AsyncClient) -> None:
    assert (await http.post(BOOK, json=OWL)).status_code == 415


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/search", {"query": " "}),
        ("/search", {"query": "a", "top_k": 0}),
        ("/search", {"query": "a", "top_k": 101}),
        ("/search", {"query": "a" * 1_000_000}),
        ("/search", {"query": "a", "knowledge_base": "../x"}),
        ("/search", {"query": "a", "more": 1}),
        ("/search", {"query": "a", "messages": [{"role": "user", "content": "a"}]}),
        ("/search", {"top_k": 3}),
        ("/search", {"messages": []}),
        ("/search", {"messages": [{"role": "assistant", "content": "a"}]}),
    ],
)
async def test_bad_searches_are_refused(
    http: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    assert (await http.post(path, json=body)).status_code == 422


@pytest.mark.parametrize(
    "body", [{}, OWL | {"text": "x"}, {"title": "t"}, {"title": "t", "text": ""}]
)
async def test_bad_documents_are_refused(http: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await http.put(f"{BOOK}/a", json=body)).status_code == 422
    assert (await http.get("/knowledge-bases/book")).status_code == 404


async def test_too_many_rows_are_refused(tmp_path: Path, http: httpx.AsyncClient) -> None:
    body = lines(*({"id": str(n), **OWL} for n in range(20_001)))

    answer = await http.post(BOOK, content=body, headers=LINES)

    assert answer.status_code == 422
    assert "20000" in answer.json()["detail"]


async def test_keys_select_the_tenant_and_users_do_not_write(
    http: httpx.AsyncClient, settings: SupportSettings
) -> None:
    await http.put(f"{BOOK}/owl", json=OWL)
    store = settings.keys
    admin = {"authorization": f"Bearer {store.create('a', 'shop', Role.ADMIN)}"}
    user = {"authorization": f"Bearer {store.create('u', 'shop', Role.USER)}"}

    # A replica notices new keys within a second.
    fresh = await http.get("/knowledge-bases", headers=user)
    while fresh.json().get("knowledge_bases"):
        fresh = await http.get("/knowledge-bases", headers=user)
    assert fresh.json() == {"knowledge_bases": []}
    assert (await http.put(f"{BOOK}/cat", json=OWL, headers=user)).status_code == 403
    assert (await http.put(f"{BOOK}/cat", json=OWL, headers=admin)).status_code == 200
    assert (await http.get(f"{BOOK}/cat", headers=user)).status_code == 200
    assert (await http.get(f"{BOOK}/owl", headers=user)).status_code == 404
    assert (await http.get(f"{BOOK}/owl")).status_code == 401


async def test_readiness_names_what_is_away(
    http: httpx.AsyncClient, trunk: FakeTrunk, service: SupportService
) -> None:
    assert (await http.get("/readyz")).json()["ready"] is True

    trunk.error = DependencyError("the trunk is away")
    report = await http.get("/readyz")

    assert report.status_code == 503
    checks = report.json()["checks"]
    assert checks == {"database": "ready", "trunk": "the trunk is away", "indexes": "ready"}


async def test_readiness_warns_of_intents_and_a_confidence_of_other_bundles(
    http: httpx.AsyncClient, service: SupportService, trunk: FakeTrunk
) -> None:
    made = load_calibration()
    service.assistant.relevances.default.confidence = FixedConfidence(made)

    async def checks() -> dict[str, str]:
        report = (await http.get("/readyz")).json()
        assert report["ready"] is True
        found: dict[str, str] = report["checks"]
        return found

    without = await checks()
    assert "no task 'support-intent'" in without["intents"]
    assert made.id in without["confidence"]
    assert f"{made.embed_bundle} and {made.intent_bundle}" in without["confidence"]
    assert "embed@000000000001" in without["confidence"]
    assert "`banyan support calibrate`" in without["confidence"]

    trunk.champion(made.embed_bundle)
    trunk.intents = {"a": 1.0}
    other_intent = await checks()
    assert other_intent["intents"] == "ready"
    assert "intent@1" in other_intent["confidence"]

    assert made.intent_bundle is not None
    trunk.intent_bundle = made.intent_bundle
    right = await checks()
    assert (right["intents"], right["confidence"]) == ("ready", "ready")


async def test_a_trunk_that_is_away_is_a_503(http: httpx.AsyncClient, trunk: FakeTrunk) -> None:
    await http.put(f"{BOOK}/owl", json=OWL)
    trunk.error = DependencyError("the trunk is away")

    answer = await http.post("/search", json={"knowledge_base": "book", "query": "owl"})

    assert answer.status_code == 503
    assert (await http.get(f"{BOOK}/owl")).status_code == 200


def test_a_served_request_loads_no_model_library(tmp_path: Path) -> None:
    code = """
import asyncio, sys, httpx
from pathlib import Path
import services.support.app
from services.support.confidence import load_calibration
from services.support.config import SupportSettings
from services.support.ingest.ids import derived_id, former_id
from services.support.routes import routes
from services.support.service import open_service
from tests.harness.support.fakes import FakeTrunk, FixedConfidence

async def main():
    service = open_service(SupportSettings(state_dir=Path(sys.argv[1])), FakeTrunk())
    transport = httpx.ASGITransport(routes(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://a") as http:
        row = {"question": "What do owls eat?", "answer": "Mice."}
        (await http.put("/knowledge-bases/help-centre/documents/owl", json=row)).raise_for_status()
        body = {"model": "support", "messages": [{"role": "user", "content": "owls eat"}]}
        (await http.post("/v1/chat/completions", json=body)).raise_for_status()
    await service.close()

asyncio.run(main())
heavy = ("torch", "transformers", "sentence_transformers", "peft", "sklearn")
print(*(name for name in heavy if name in sys.modules))
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == ""
