"""Knowledge bases that change while they serve, and the search over them."""

from pathlib import Path

import httpx
import pytest

from shared.models.tasks import TaskKind
from tests.e2e.books import documents_path, found_documents, search, upload
from tests.e2e.bundles import registry_of
from tests.harness.models.trained import load_backbone, made_bundle, peft_model
from tests.harness.platform import Platform
from tests.harness.waiting import wait_for

pytestmark = pytest.mark.platform

GARDEN = {"title": "Watering roses", "text": "# Watering\n\nWater roses early in the morning."}
OWL = {"question": "What do barn owls eat?", "answer": "Barn owls eat voles and mice."}


def test_search_finds_the_right_article_of_the_sample(http: httpx.Client) -> None:
    hits = search(http, "help-centre", "My card was swallowed by the cash machine", top_k=3)

    assert 1 <= len(hits) <= 3
    first = hits[0]
    assert first.keys() >= {"passage_id", "document_id", "title", "text", "score"}
    assert first["document_id"] == "card-swallowed-by-cash-machine"
    scores = [float(str(hit["score"])) for hit in hits]
    assert scores == sorted(scores, reverse=True)


def test_a_written_document_is_found_by_the_next_search(http: httpx.Client) -> None:
    path = documents_path("garden")
    for number in range(5):
        text = f"The greenhouse number {number} is called Heligan{number}."

        written = http.put(f"{path}/house{number}", json={"title": "Greenhouse", "text": text})

        assert written.status_code in (200, 201), written.text
        assert found_documents(http, "garden", f"Heligan{number}")[0] == f"house{number}"


def test_a_document_is_read_replaced_and_deleted(http: httpx.Client) -> None:
    path = documents_path("roses")
    http.put(f"{path}/keep", json=OWL).raise_for_status()

    http.put(f"{path}/roses", json={**GARDEN, "metadata": {"season": "summer"}}).raise_for_status()
    read = http.get(f"{path}/roses").json()
    assert (read["title"], read["text"]) == (GARDEN["title"], GARDEN["text"])
    assert read["metadata"] == {"season": "summer"}

    http.put(f"{path}/roses", json={"title": "Tulips", "text": "Plant tulips in October."})
    assert http.get(f"{path}/roses").json()["title"] == "Tulips"
    hits = search(http, "roses", "When do I plant tulips?")
    assert hits[0]["document_id"] == "roses"
    assert not any("early in the morning" in str(hit["text"]) for hit in hits)

    assert http.delete(f"{path}/roses").status_code in (200, 204)
    assert http.get(f"{path}/roses").status_code == 404
    assert http.delete(f"{path}/roses").status_code == 404
    assert "roses" not in found_documents(http, "roses", "When do I plant tulips?")


def test_a_question_and_its_answer_are_a_document(http: httpx.Client) -> None:
    http.put(f"{documents_path('owls')}/owl", json=OWL).raise_for_status()

    hits = search(http, "owls", "the food of a barn owl")

    assert hits[0]["document_id"] == "owl"
    assert hits[0]["title"] == OWL["question"]


def test_json_lines_are_written_at_once(http: httpx.Client) -> None:
    upload(
        http,
        "lines",
        [
            {"id": f"row{n}", "question": f"What is colour {n}?", "answer": f"Hue{n}."}
            for n in range(60)
        ],
    )

    assert found_documents(http, "lines", "Hue37")[0] == "row37"
    assert http.get(f"{documents_path('lines')}/row59").status_code == 200


@pytest.mark.parametrize(
    ("name", "content", "query"),
    [
        ("guide.md", "# Moles\n\n## Traps\n\nMoles dislike garlic.", "what do moles dislike"),
        ("page.html", "<h1>Moles</h1><p>Moles dislike garlic.</p>", "what do moles dislike"),
        ("note.txt", "Moles dislike garlic.\n\nMice do not mind.", "what do moles dislike"),
        ("faq.csv", "question,answer\nWhat do moles dislike?,Garlic.\n", "what do moles dislike"),
        (
            "faq.jsonl",
            '{"question": "What do moles dislike?", "answer": "Garlic."}\n',
            "what do moles dislike",
        ),
    ],
)
def test_files_of_every_kind_are_read(
    http: httpx.Client, name: str, content: str, query: str
) -> None:
    knowledge_base = f"file-{name.partition('.')[2]}"

    answer = http.post(
        documents_path(knowledge_base), files={"file": (name, content.encode())}, timeout=30
    )

    assert answer.status_code in (200, 201), answer.text
    assert "arlic" in str(search(http, knowledge_base, query)[0]["text"])


def test_a_search_in_an_unknown_knowledge_base_is_not_found(http: httpx.Client) -> None:
    answer = http.post("/support/search", json={"knowledge_base": "nowhere", "query": "a"})

    assert answer.status_code == 404
    assert "nowhere" in answer.json()["detail"]


def test_an_index_follows_a_promotion_and_a_rollback_while_it_answers(
    platform: Platform, http: httpx.Client, tmp_path: Path
) -> None:
    registry = registry_of(platform)
    before = registry.resolve("embed")
    adapter = peft_model(load_backbone().encoder, seed=1, rank=4)
    adapted = made_bundle(tmp_path, "embed", TaskKind.EMBED, peft=adapter)
    after = registry.register(adapted.folder).id

    for champion in (after, before):
        registry.set_alias("embed", "champion", champion)

        def followed(bundle: str = champion) -> bool:
            hits = search(http, "help-centre", "My card was swallowed by the cash machine")
            assert hits[0]["document_id"] == "card-swallowed-by-cash-machine"
            base = http.get("/support/knowledge-bases/help-centre").json()
            return bool(base["bundle"] == bundle)

        wait_for(followed, timeout_s=60, what=f"the index of {champion}")
