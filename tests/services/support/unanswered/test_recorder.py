"""What is noted is written beside the requests, and what cannot be is counted."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from services.support.unanswered import recorder as module
from services.support.unanswered.recorder import Recorder
from services.support.unanswered.store import Asked
from shared.errors import DependencyError
from shared.telemetry import UNANSWERED
from tests.harness.waiting import wait_for


class Store:
    """Remembers batches; fails as often as a test says, and waits while `gate` is closed."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Asked]] = []
        self.errors: list[Exception] = []
        self.tried = 0
        self.gate = threading.Event()
        self.gate.set()

    def add(self, asked: Sequence[Asked]) -> int:
        self.tried += 1
        self.gate.wait()
        if self.errors:
            raise self.errors.pop()
        self.batches.append(asked)
        return 0

    @property
    def questions(self) -> list[str]:
        return [one.question for batch in self.batches for one in batch]


def asked(number: int) -> Asked:
    return Asked("acme", "uid", f"question {number}", [], "handoff", None, 0.0, [], 1.0)


def count(outcome: str) -> float:
    return float(UNANSWERED.labels(outcome)._value.get())


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def recorder(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    monkeypatch.setattr(module, "_RETRY_S", 0.01)
    recorder = Recorder(store, 3)  # type: ignore[arg-type]
    yield recorder
    store.gate.set()
    recorder.stop(60.0)


def test_what_is_noted_is_written(store: Store, recorder: Recorder) -> None:
    kept = count("kept")
    recorder.start()

    for number in range(3):
        recorder.note(asked(number))

    wait_for(lambda: len(store.questions) == 3, "three questions are written")
    wait_for(lambda: count("kept") == kept + 3, "they are counted")
    assert store.questions == [f"question {number}" for number in range(3)]


def test_what_has_no_place_is_dropped_and_counted(store: Store, recorder: Recorder) -> None:
    dropped = count("queue_full")

    for number in range(5):
        recorder.note(asked(number))
    recorder.start()

    wait_for(lambda: bool(store.batches), "a batch is written")
    assert count("queue_full") == dropped + 2
    assert store.questions == ["question 0", "question 1", "question 2"]


@pytest.mark.parametrize("signs", ["???", "\U0001f697", "\U0001f4e6 \u2753", "\uff1f", "\u0301"])
def test_a_question_without_words_is_dropped_and_counted(
    store: Store, recorder: Recorder, signs: str
) -> None:
    dropped = count("no_words")

    recorder.note(replace(asked(1), question=signs))
    recorder.note(replace(asked(2), question="5?"))
    recorder.note(replace(asked(3), question="\u5462\uff1f"))
    recorder.start()

    wait_for(lambda: len(store.questions) == 2, "two questions are written")
    assert count("no_words") == dropped + 1
    assert store.questions == ["5?", "\u5462\uff1f"]


def test_while_the_database_is_away_questions_wait(store: Store, recorder: Recorder) -> None:
    store.errors = [DependencyError("away")] * 3
    recorder.note(asked(1))

    recorder.start()

    wait_for(lambda: store.questions == ["question 1"], "the question is written")
    assert store.tried == 4


def test_one_batch_that_fails_does_not_keep_the_next(store: Store, recorder: Recorder) -> None:
    failed = count("failed")
    store.errors = [ValueError("a bug")]
    recorder.note(asked(1))
    recorder.start()
    wait_for(lambda: count("failed") == failed + 1, "the first one fails")

    recorder.note(asked(2))

    wait_for(lambda: store.questions == ["question 2"], "the second one is written")


def test_the_end_writes_what_waits(store: Store, recorder: Recorder) -> None:
    store.gate.clear()
    recorder.start()
    recorder.note(asked(1))
    wait_for(lambda: store.tried == 1, "the first one is being written")
    recorder.note(asked(2))
    threading.Timer(0.05, store.gate.set).start()

    recorder.stop(60.0)

    assert not recorder.is_alive
    assert store.questions == ["question 1", "question 2"]


def test_an_end_without_a_database_is_an_end(
    store: Store, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = count("failed")
    store.errors = [DependencyError("away")] * 1000
    monkeypatch.setattr(module, "_RETRY_S", 3600.0)
    recorder.note(asked(1))
    recorder.start()
    wait_for(lambda: store.tried == 1, "it is tried")
    recorder.note(asked(2))

    recorder.stop(60.0)

    assert not recorder.is_alive
    assert count("failed") == failed + 2
