"""What the support application's document store promises, on every database."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import services.support.migrations
from services.support.documents import Document, DocumentStore
from shared.clock import ManualClock
from shared.errors import NotFoundError
from shared.storage.database import Database
from shared.storage.migrations import migrate
from shared.text.passages import TextFormat

MIGRATIONS = Path(services.support.migrations.__file__).parent


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(database: Database, clock: ManualClock) -> DocumentStore:
    migrate(database, MIGRATIONS)
    return DocumentStore(database, clock)


def article(document_id: str, text: str = "Some text.") -> Document:
    return Document(document_id, f"Title of {document_id}", text, TextFormat.MARKDOWN, False, {})


def at_once(count: int, action: Callable[[int], None]) -> list[BaseException]:
    """Runs an action in threads that start together; returns what they raised."""
    barrier = threading.Barrier(count)
    raised: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            action(number)
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_migrating_twice_changes_nothing(database: Database) -> None:
    migrate(database, MIGRATIONS)
    store = DocumentStore(database)
    uid = store.create("acme", "help").uid
    store.put(uid, [article("a")])

    migrate(database, MIGRATIONS)

    assert store.get(uid, "a").document == article("a")


def test_replicas_that_start_together_migrate_once(database: Database) -> None:
    assert at_once(3, lambda _: migrate(database, MIGRATIONS)) == []

    assert DocumentStore(database).of_tenant("acme") == []


def test_a_knowledge_base_is_made_once(store: DocumentStore) -> None:
    made = store.create("acme", "help")
    again = store.create("acme", "help")

    assert again == made
    assert (made.tenant, made.name, made.version, made.documents) == ("acme", "help", 0, 0)
    assert store.find("acme", "help") == made
    assert store.find("acme", "other") is None


def test_clients_that_make_it_together_get_the_same(store: DocumentStore) -> None:
    for name in "abcdefgh":
        made: list[str] = []

        def create(_: int, name: str = name, made: list[str] = made) -> None:
            made.append(store.create("acme", name).uid)

        raised = at_once(4, create)

        assert raised == []
        assert len(set(made)) == 1


def test_tenants_do_not_see_each_other(store: DocumentStore) -> None:
    mine, theirs = store.create("acme", "help"), store.create("other", "help")
    store.put(mine.uid, [article("a", "mine")])
    store.put(theirs.uid, [article("a", "theirs"), article("b")])

    assert mine.uid != theirs.uid
    assert [record.uid for record in store.of_tenant("acme")] == [mine.uid]
    assert [record.documents for record in store.of_tenant("other")] == [2]
    assert store.get(mine.uid, "a").document.text == "mine"
    with pytest.raises(NotFoundError, match="b"):
        store.get(mine.uid, "b")
    store.drop(mine.uid)
    assert store.get(theirs.uid, "a").document.text == "theirs"


def test_a_document_comes_back_as_it_was_given(store: DocumentStore, clock: ManualClock) -> None:
    uid = store.create("acme", "help").uid
    given = Document(
        id="Ünïcode id 🙂",
        title="¿Qué? 世界",
        text="a\tb\r\n🙂 " + "x" * 500_000,
        format=TextFormat.HTML,
        is_faq=True,
        metadata={
            "intents": ["a", "b"],
            "n": 2**63 - 1,
            "x": -0.5,
            "yes": True,
            "many": [1, 2.5, True, "x"],
            "ß": "🙂",
        },
    )

    version = store.put(uid, [given])

    stored = store.get(uid, given.id)
    assert stored.document == given
    assert (stored.version, stored.updated_at) == (version, clock.time())


def test_a_document_takes_the_place_of_the_one_with_its_id(store: DocumentStore) -> None:
    uid = store.create("acme", "help").uid
    store.put(uid, [article("a", "old"), article("b", "kept")])

    version = store.put(uid, [article("a", "new")])

    assert store.get(uid, "a").document.text == "new"
    assert store.versions(uid) == (version, {"a": version, "b": version - 1})


def test_of_one_write_all_or_nothing_stays(store: DocumentStore) -> None:
    uid = store.create("acme", "help").uid
    before = store.put(uid, [article("a")])
    unwritable = replace(article("b"), metadata={"set": frozenset({1})})  # type: ignore[dict-item]

    with pytest.raises(Exception, match="JSON"):
        store.put(uid, [article("c"), unwritable])

    assert store.versions(uid) == (before, {"a": before})


def test_deleting_is_a_write(store: DocumentStore) -> None:
    uid = store.create("acme", "help").uid
    before = store.put(uid, [article("a"), article("b")])

    assert store.delete(uid, "a") == before + 1

    assert store.versions(uid) == (before + 1, {"b": before})
    with pytest.raises(NotFoundError, match="'a'"):
        store.delete(uid, "a")
    assert store.versions(uid)[0] == before + 1


def test_a_dropped_knowledge_base_takes_its_documents_along(store: DocumentStore) -> None:
    uid = store.create("acme", "help").uid
    store.put(uid, [article("a")])

    store.drop(uid)

    assert store.find("acme", "help") is None
    assert store.fetch(uid, ["a"]) == []
    for action in (lambda: store.put(uid, [article("b")]), lambda: store.versions(uid)):
        with pytest.raises(NotFoundError, match="deleted"):
            action()
    assert store.create("acme", "help").uid != uid


def test_many_documents_are_fetched_and_paged_completely(store: DocumentStore) -> None:
    uid = store.create("acme", "help").uid
    ids = {f"{start}{n}" for n in range(300) for start in ("a", "B", "é", "🙂")}
    store.put(uid, [article(i) for i in ids])

    assert {stored.document.id for stored in store.fetch(uid, [*ids, "missing"])} == ids
    seen: list[str] = []
    while page := store.page(uid, seen[-1] if seen else "", 250):
        assert len(page) <= 250
        seen.extend(head.id for head in page)
    assert len(seen) == len(ids)
    assert set(seen) == ids


def test_writers_at_once_lose_nothing(store: DocumentStore) -> None:
    uid = store.create("acme", "help").uid

    def write(number: int) -> None:
        for round_ in range(5):
            store.put(uid, [article(f"{number}-{round_}")])

    raised = at_once(4, write)

    assert raised == []
    version, versions = store.versions(uid)
    assert version == 20
    assert sorted(versions.values()) == list(range(1, 21))


def test_a_reader_never_sees_half_a_write(store: DocumentStore) -> None:
    """Every write replaces both documents, so both always carry the knowledge base's version."""
    uid = store.create("acme", "help").uid
    store.put(uid, [article("a"), article("b")])
    stop = threading.Event()
    torn: list[tuple[int, dict[str, int]]] = []

    def read() -> None:
        while not stop.is_set():
            version, versions = store.versions(uid)
            if set(versions.values()) != {version}:
                torn.append((version, versions))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        store.put(uid, [article("a"), article("b")])
    stop.set()
    reader.join()

    assert torn == []
