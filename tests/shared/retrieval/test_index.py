"""The index: what is found, and what a write changes."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.retrieval.entries import Embedded, Entry
from shared.retrieval.fusion import fuse
from shared.retrieval.index import Index, Matches
from tests.harness.entries import BUNDLE, WIDTH, embedded, query

CARDS = embedded(
    "cards", "Lost card", "# Freeze it\n\nFreeze the card.\n\n# Order\n\nOrder a new card."
)
OWLS = embedded("owls", "Barn owls", "Owls eat mice at night.")
FEES = embedded("fees", "", "A transfer costs two pounds.", labels=("transfer_fee",))


def index_of(*added: Embedded) -> Index:
    return Index.empty(BUNDLE, WIDTH).replaced(1, (), added)


def ids(
    index: Index, text: str, top_k: int = 10, label_scores: Mapping[str, float] | None = None
) -> list[str]:
    hits = index.search([query(text)], top_k, label_scores=label_scores)
    return [hit.entry.document_id for hit in hits]


def test_the_document_that_speaks_of_it_is_found() -> None:
    index = index_of(CARDS, OWLS, FEES)

    assert ids(index, "what do owls eat")[0] == "owls"
    assert ids(index, "cost of a transfer")[0] == "fees"
    best = index.search([query("order a new card")], 1)[0]
    assert (best.passage_id, best.passage.text) == ("cards#1", "Order\nOrder a new card.")


def test_each_document_stands_once_before_any_stands_twice() -> None:
    index = index_of(CARDS, OWLS, FEES)

    assert len(set(ids(index, "card", top_k=3))) == 3
    assert sorted(ids(index, "card", top_k=10)) == ["cards", "cards", "fees", "owls"]


def test_scores_are_the_fusion_of_the_sides() -> None:
    index = index_of(CARDS, OWLS, FEES)

    for hit in index.search([query("freeze my card")], 10):
        sides = np.array([[hit.dense], [hit.sparse]], np.float32)
        assert hit.score == fuse(*sides)[0] + hit.label


def test_a_label_lifts_the_documents_that_carry_it() -> None:
    index = index_of(CARDS, OWLS, FEES)

    assert ids(index, "owls", label_scores={"transfer_fee": 5.0, "other": 9.0})[0] == "fees"
    assert set(index.labels) == {"transfer_fee"}


def test_of_several_readings_the_one_counts_that_fits_a_passage_best() -> None:
    index = index_of(CARDS, OWLS, FEES)
    readings = [query("owls"), query("transfer")]

    both = {hit.entry.document_id: hit for hit in index.search(readings, 3)}

    for number, (name, reading) in enumerate(zip(("owls", "fees"), readings, strict=True)):
        alone = index.search([reading], 1)[0]
        assert alone.entry.document_id == name
        assert (both[name].score, both[name].dense) == (alone.score, alone.dense)
        assert both[name].query == number


def test_a_context_finds_and_orders_but_gives_no_scores() -> None:
    index = index_of(CARDS, OWLS, FEES)
    question, context = query("and a transfer"), query("what do barn owls eat at night: owls, mice")

    plain = {hit.entry.document_id: hit for hit in index.search([question], 3)}
    found = index.search([question], 3, context=context)

    assert found[0].entry.document_id == "owls"
    assert [hit.rank for hit in found] == sorted((hit.rank for hit in found), reverse=True)
    for hit in found:
        before = plain[hit.entry.document_id]
        assert (hit.dense, hit.sparse) == pytest.approx((before.dense, before.sparse))
        assert hit.score == pytest.approx(before.score)
        assert hit.query == 0
        assert hit.rank >= hit.score
    assert all(hit.rank == hit.score for hit in plain.values())


def test_a_document_is_scored_by_its_best_passage() -> None:
    index = index_of(OWLS, CARDS, FEES)

    for hit in index.search([query("order a new card")], 3):
        score = index.best_score(query("order a new card"), hit.entry.document_id)
        assert score == pytest.approx(hit.score)


def test_a_document_stands_as_often_as_is_allowed_before_further_passages() -> None:
    entry = Entry.of("long", 1, "Owls", (), OWLS.entry.passages * 4)
    long = Embedded(entry, OWLS.title, np.repeat(OWLS.passages, 4, axis=0))
    index = index_of(OWLS, FEES, long)

    found = [hit.entry.document_id for hit in index.search([query("owls")], 6, per_document=2)]

    assert sorted(found[:4]) == ["fees", "long", "long", "owls"]
    assert found[4:] == ["long", "long"]


@pytest.mark.parametrize("per_document", [1, 2, 3])
def test_fewer_results_are_the_first_of_more(per_document: int) -> None:
    entry = Entry.of("long", 1, "Owls", (), OWLS.entry.passages * 9)
    long = Embedded(entry, OWLS.title, np.repeat(OWLS.passages, 9, axis=0))
    equal = [embedded(f"owls{n}", "Barn owls", "Owls eat mice at night.") for n in range(5)]
    index = index_of(FEES, *equal[:3], long, CARDS, *equal[3:])

    every = index.search([query("what do owls eat")], 100, per_document=per_document)

    assert len(every) == 17
    for top_k in range(18):
        found = index.search([query("what do owls eat")], top_k, per_document=per_document)
        assert found == every[:top_k]


def test_a_write_makes_a_new_index_and_leaves_the_old_one() -> None:
    old = index_of(CARDS, OWLS)
    new = old.replaced(2, {"owls"}, [embedded("cards", "Lost phone", "Lock the phone."), FEES])

    assert (old.version, new.version) == (1, 2)
    assert {e.document_id for e in old.entries} == {"cards", "owls"}
    assert {e.document_id for e in new.entries} == {"cards", "fees"}
    assert ids(new, "lock my phone")[0] == "cards"
    assert "owls" not in ids(new, "owls")
    assert ids(old, "owls")[0] == "owls"


def test_nothing_is_found_in_nothing() -> None:
    index = Index.empty(BUNDLE, WIDTH)

    assert index.search([query("a")], 10) == []
    assert index_of(CARDS).replaced(2, {"cards"}, ()).search([query("a")], 10) == []


def test_a_question_without_a_known_word_finds_by_vectors_alone() -> None:
    hits = index_of(CARDS, OWLS).search([query("zebra")], 2)

    assert [hit.sparse for hit in hits] == [0, 0]


@given(st.permutations(range(30)), st.integers(0, 29), st.integers(1, 40))
def test_any_sequence_of_writes_gives_the_index_of_what_is_left(
    order: list[int], removed: int, top_k: int
) -> None:
    made = [embedded(f"d{n}", f"title {n}", f"text number {n} of {n % 3}") for n in range(30)]
    index = Index.empty(BUNDLE, WIDTH)
    for version, number in enumerate(order, start=1):
        index = index.replaced(version, (), [made[number]])
    index = index.replaced(31, {f"d{removed}"}, ())
    whole = index_of(*(one for n, one in enumerate(made) if n != removed))

    assert index.passages.vectors.shape == whole.passages.vectors.shape
    asked = [query("number 7 of 1")]
    found = {h.entry.document_id: h.score for h in index.search(asked, top_k)}
    expected = {h.entry.document_id: h.score for h in whole.search(asked, 40)}
    assert len(found) == min(top_k, 29)
    assert all(abs(expected[key] - score) < 1e-5 for key, score in found.items())


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(0, 19), max_size=4), st.sets(st.integers(0, 19), max_size=3)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_segments_score_as_an_index_of_what_lives(
    writes: list[tuple[list[int], set[int]]],
) -> None:
    made = [
        embedded(f"d{n}", f"title {n % 4}", f"word{n} of {n % 3} and {n % 5}") for n in range(20)
    ]
    with patch("shared.retrieval.segments._SMALL", 0):
        index = Index.empty(BUNDLE, WIDTH)
        for version, (added, removed) in enumerate(writes, start=1):
            new = [made[number] for number in dict.fromkeys(added)]
            index = index.replaced(version, {f"d{number}" for number in removed}, new)
    by_id = {one.entry.document_id: one for one in made}
    whole = index_of(*(by_id[entry.document_id] for entry in index.entries))

    asked = query("word7 of title 1 and 4")
    found, expected = index.search([asked], 20), whole.search([asked], 20)
    assert len(found) == len(expected) == len(index.entries)
    assert index.labels == whole.labels
    np.testing.assert_allclose(
        [(h.score, h.dense, h.sparse) for h in found],
        [(h.score, h.dense, h.sparse) for h in expected],
        rtol=1e-5,
        atol=1e-6,
    )
    assert index.word_weights(asked.text) == whole.word_weights(asked.text)
    by_document = {h.entry.document_id: h.score for h in expected}
    for hit in found:
        assert abs(by_document[hit.entry.document_id] - hit.score) < 1e-5


def test_segments_are_few_and_mostly_alive() -> None:
    made = [embedded(f"d{n}", "", f"text number {n}") for n in range(300)]
    with patch("shared.retrieval.segments._SMALL", 0):
        index = Index.empty(BUNDLE, WIDTH)
        for version, one in enumerate(made, start=1):
            index = index.replaced(version, (), [one])
            assert len(index.segments) <= 9
        index = index.replaced(301, {f"d{n}" for n in range(280)}, ())

    assert [e.document_id for e in index.entries] == [f"d{n}" for n in range(280, 300)]
    assert sum(index.segments) == 20


def test_candidates_of_a_large_index_hold_the_best() -> None:
    index = index_of(*(embedded(f"d{n}", f"name {n}", f"word{n} and more") for n in range(500)))

    assert ids(index, "word321", top_k=1) == ["d321"]
    dense, sparse = index.sides(query("word321"))
    assert int(np.argmax(fuse(dense, sparse))) == 321


def test_a_large_index_finds_what_comparing_every_vector_finds() -> None:
    made = [embedded(f"d{n}", f"name {n % 900}", f"word{n} of {n % 70}") for n in range(5000)]
    index = index_of(*made).replaced(2, {f"d{n}" for n in range(0, 5000, 9)}, made[18:400:9])
    with patch("shared.retrieval.dense._FEW", 10_000):
        whole = index_of(*(made[int(entry.document_id[1:])] for entry in index.entries))

    for text in ("name 7 of 12", "word4321", "of 3 and what nobody says"):
        found, expected = index.search([query(text)], 100), whole.search([query(text)], 100)
        np.testing.assert_allclose(
            [(h.score, h.dense, h.sparse) for h in found],
            [(h.score, h.dense, h.sparse) for h in expected],
            rtol=0,
            atol=1e-5,
        )
        assert found[0].entry.document_id == expected[0].entry.document_id


def test_searches_that_share_queries_compare_each_once() -> None:
    index = index_of(*(embedded(f"d{n}", f"name {n}", f"word{n} and more") for n in range(500)))
    first, second = query("word321 and"), query("name 7 and more")
    matches: Matches = {}

    alone = index.search([first], 5), index.search([first, second], 5, context=second)
    score = index.best_score(second, "d7")

    assert index.search([first, second], 5, context=second, matches=matches) == alone[1]
    assert set(matches) == {first, second}
    with patch.object(Index, "_compared", side_effect=AssertionError):
        assert index.search([first], 5, matches=matches) == alone[0]
        assert index.best_score(second, "d7", matches=matches) == score


def test_searches_of_many_threads_agree() -> None:
    index = index_of(CARDS, OWLS, FEES)
    gate = threading.Barrier(4)

    def search() -> list[str]:
        gate.wait()
        return ids(index, "what do owls eat")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: search(), range(4)))

    assert found == [found[0]] * 4
