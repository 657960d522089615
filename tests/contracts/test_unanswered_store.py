"""What is promised of the questions that were not answered, on every database."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.support.database import MIGRATIONS
from services.support.documents import DocumentStore
from services.support.retention import SupportRetention, rules
from services.support.unanswered.store import (
    MAX_EARLIER_CHARS,
    MAX_QUESTION_CHARS,
    Asked,
    UnansweredStore,
)
from shared.clock import ManualClock
from shared.errors import InputError, NotFoundError
from shared.storage.database import Database
from shared.storage.migrations import migrate
from shared.storage.retention import DAY_S, Retention

NOW_S = 1_700_000_000.123


@pytest.fixture
def store(database: Database) -> UnansweredStore:
    migrate(database, MIGRATIONS)
    return UnansweredStore(database, max_rows=5)


@pytest.fixture
def shop(store: UnansweredStore, database: Database) -> str:
    return DocumentStore(database).create("acme", "shop").uid


def asked(uid: str, question: str, after_s: float = 0.0, **fields: object) -> Asked:
    one = Asked("acme", uid, question, [], "handoff", "no_answer", 0.25, ["a"], NOW_S + after_s)
    return replace(one, **fields)  # type: ignore[arg-type]


def questions(store: UnansweredStore, tenant: str = "acme") -> list[tuple[str, int]]:
    return [(one.question, one.times) for one in store.page(tenant, None, "", 100)]


def test_a_question_comes_back_as_it_was_asked(store: UnansweredStore, shop: str) -> None:
    given = asked(shop, "And abroad? 你好", earlier=["What does it cost?"], suggestions=["b", "c"])

    assert store.add([given]) == 0

    (found,) = store.page("acme", "shop", "", 10)
    assert found.knowledge_base == "shop"
    assert (found.question, found.earlier) == (given.question, given.earlier)
    assert (found.kind, found.reason, found.confidence) == ("handoff", "no_answer", 0.25)
    assert found.suggestions == ["b", "c"]
    assert (found.times, found.first_asked_at, found.asked_at) == (1, NOW_S, NOW_S)


@pytest.mark.parametrize("at_once", [True, False])
def test_equal_questions_are_one_row_with_their_count(
    store: UnansweredStore, shop: str, at_once: bool
) -> None:
    three = [
        asked(shop, "How late is the café open?"),
        asked(shop, "how late is the  cafe open", 1.0, confidence=0.5, kind="suggestions"),
        asked(shop, "HOW LATE IS THE CAFÉ OPEN?!", 2.0, reason=None, suggestions=[]),
    ]

    for batch in [three] if at_once else [[one] for one in three]:
        store.add(batch)

    (found,) = store.page("acme", None, "", 10)
    assert (found.times, found.first_asked_at, found.asked_at) == (3, NOW_S, NOW_S + 2.0)
    assert (found.question, found.reason) == ("HOW LATE IS THE CAFÉ OPEN?!", None)


def test_a_question_in_another_context_is_another_one(store: UnansweredStore, shop: str) -> None:
    contexts: Sequence[Sequence[str]] = (["a visa"], ["A visa?"], ["a loan"], [], ["and abroad"])

    store.add([asked(shop, "and abroad?", earlier=earlier) for earlier in contexts])

    # What only repeats the question is no context.
    found = store.page("acme", None, "", 10)
    assert sorted((one.times, tuple(one.earlier)) for one in found) == [
        (1, ("a loan",)),
        (2, ("A visa?",)),
        (2, ("and abroad",)),
    ]


def test_what_is_kept_of_a_question_is_bounded(store: UnansweredStore, shop: str) -> None:
    long = "x" * 20_000
    store.add([asked(shop, long, earlier=["first", long, long, long])])

    (found,) = store.page("acme", None, "", 10)

    assert len(found.question) == MAX_QUESTION_CHARS
    assert [len(turn) for turn in found.earlier] == [MAX_EARLIER_CHARS] * 3


def test_the_most_often_asked_come_first_then_the_latest(store: UnansweredStore, shop: str) -> None:
    for after_s, question in enumerate(["one", "two", "three", "two", "four"]):
        store.add([asked(shop, question, float(after_s))])

    assert questions(store) == [("two", 2), ("four", 1), ("three", 1), ("one", 1)]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_together_are_all_of_them(store: UnansweredStore, shop: str, limit: int) -> None:
    store.add([asked(shop, f"question {n % 4}", float(n // 2)) for n in range(6)])
    pages, after = [], ""

    while page := store.page("acme", "shop", after, limit):
        pages += page
        after = page[-1].place

    assert pages == store.page("acme", "shop", "", 100)
    assert len(pages) == 4


@pytest.mark.parametrize(
    "after",
    ["x", "1.2", "1..a", "a.1.0.b", "1.nan.a", "1.inf.a", "-1.1.0.a", f"{2**63}.1.0.a", "..", "²."],
)
def test_an_after_that_is_not_a_place_is_refused(store: UnansweredStore, after: str) -> None:
    with pytest.raises(InputError, match="after"):
        store.page("acme", None, after, 10)


def test_of_a_tenant_the_last_asked_are_kept(
    store: UnansweredStore, shop: str, database: Database
) -> None:
    other = DocumentStore(database).create("other", "shop").uid
    store.add([asked(other, "theirs", tenant="other")])
    store.add([asked(shop, f"question {n}", float(n)) for n in range(5)])
    store.add([asked(shop, "question 0", 10.0)])

    deleted = store.add([asked(shop, "question 5", 11.0), asked(shop, "question 6", 12.0)])

    assert deleted == 2
    assert {question for question, _ in questions(store)} == {
        f"question {n}" for n in (0, 3, 4, 5, 6)
    }
    assert questions(store, "other") == [("theirs", 1)]


def test_a_tenant_sees_and_deletes_its_own_alone(
    store: UnansweredStore, shop: str, database: Database
) -> None:
    store.add([asked(shop, "mine")])
    (mine,) = store.page("acme", None, "", 10)

    assert store.page("other", "shop", "", 10) == []
    with pytest.raises(NotFoundError, match="unanswered"):
        store.delete("other", mine.id)
    store.delete("acme", mine.id)

    assert store.page("acme", None, "", 10) == []
    with pytest.raises(NotFoundError):
        store.delete("acme", mine.id)


def test_questions_go_with_their_knowledge_base(
    store: UnansweredStore, shop: str, database: Database
) -> None:
    documents = DocumentStore(database)
    kept = documents.create("acme", "kept").uid
    store.add([asked(shop, "gone"), asked(kept, "stays")])

    documents.drop(shop)
    store.add([asked(shop, "too late"), asked(kept, "stays")])

    assert questions(store) == [("stays", 2)]
    assert store.page("acme", "shop", "", 10) == []


def test_two_writers_count_together(store: UnansweredStore, shop: str) -> None:
    names = [f"question {n}" for n in range(4)]
    barrier = threading.Barrier(2)

    def write(order: Sequence[str]) -> None:
        barrier.wait()
        for _ in range(10):
            store.add([asked(shop, name) for name in order])

    threads = [threading.Thread(target=write, args=(each,)) for each in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert dict(questions(store)) == dict.fromkeys(names, 20)


def test_what_was_not_asked_for_long_is_deleted(
    store: UnansweredStore, shop: str, database: Database
) -> None:
    store.add([asked(shop, "old"), asked(shop, "asked again"), asked(shop, "young", 9 * DAY_S)])
    store.add([asked(shop, "asked again", 9 * DAY_S)])
    settings = SupportRetention(unanswered_days=10.0)
    clock = ManualClock(NOW_S + 10.5 * DAY_S)

    deleted = Retention(database, rules(settings), settings, clock=clock).purge()

    assert deleted == {"unanswered": 1}
    assert {question for question, _ in questions(store)} == {"asked again", "young"}
