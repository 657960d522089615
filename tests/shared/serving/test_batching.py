"""The waiting room: what shares a batch, who goes first, who is sent away."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.clock import ManualClock
from shared.errors import OverloadedError
from shared.models.tasks import Priority
from shared.serving.batching import ClassSettings, QueueSettings, WaitingRoom, WaitingRow

Room = WaitingRoom[str]
NO_LIMIT = 10**9
LENGTHS = st.integers(min_value=1, max_value=256)
SHARES = {Priority.INTERACTIVE: 0.5, Priority.STREAM: 0.3, Priority.BULK: 0.2}


def settings(
    *, batch: int = 1024, overhead: int = 64, tokens: int = NO_LIMIT, rows: int = NO_LIMIT
) -> QueueSettings:
    def of(priority: Priority) -> ClassSettings:
        return ClassSettings(
            share=SHARES[priority], max_waiting_tokens=tokens, max_waiting_rows=rows
        )

    return QueueSettings(
        max_batch_tokens=batch,
        batch_overhead_tokens=overhead,
        interactive=of(Priority.INTERACTIVE),
        stream=of(Priority.STREAM),
        bulk=of(Priority.BULK),
    )


def items(
    *lengths: int, priority: Priority = Priority.BULK, deadline_s: float = math.inf
) -> list[WaitingRow[str]]:
    return [WaitingRow(f"{priority}-{i}", n, priority, deadline_s) for i, n in enumerate(lengths)]


def lengths_of(batch: list[WaitingRow[str]]) -> list[int]:
    return sorted(item.tokens for item in batch)


def padded(batch: list[WaitingRow[str]]) -> int:
    return len(batch) * max(item.tokens for item in batch)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def room(clock: ManualClock) -> Room:
    return WaitingRoom(settings(), clock)


def test_an_empty_room_has_no_batch(room: Room) -> None:
    assert room.next_batch() == []
    assert room.next_batch(only=Priority.INTERACTIVE) == []


def test_rows_of_like_length_share_a_batch(room: Room) -> None:
    room.admit(items(10, 200, 11, 210, 12))
    assert lengths_of(room.next_batch()) == [10, 11, 12]
    assert lengths_of(room.next_batch()) == [200, 210]


def test_what_waits_is_divided_among_those_who_ask(room: Room) -> None:
    room.admit(items(100, 100, 100, 100))
    assert lengths_of(room.next_batch(sharers=2)) == [100, 100]
    assert lengths_of(room.next_batch(sharers=1)) == [100, 100]


def test_too_little_to_be_worth_two_batches_is_one(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(overhead=100), clock)
    room.admit(items(10, 10, 10, 10))
    assert lengths_of(room.next_batch(sharers=2)) == [10, 10, 10, 10]


def test_few_rows_are_padded_when_a_batch_of_their_own_would_cost_more(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(overhead=100), clock)
    room.admit(items(10, 20))
    assert lengths_of(room.next_batch()) == [10, 20]


def test_a_batch_is_filled_up_to_its_budget(room: Room) -> None:
    room.admit(items(*[16] * 100))
    assert [len(room.next_batch()) for _ in range(2)] == [64, 36]


def test_a_row_longer_than_a_batch_runs_alone(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(batch=100), clock)
    room.admit(items(150, 120, 50))
    assert [lengths_of(room.next_batch()) for _ in range(3)] == [[150], [120], [50]]


@given(st.lists(LENGTHS, min_size=1, max_size=300), st.integers(256, 2048))
def test_every_row_comes_once_in_a_batch_within_the_budget(lengths: list[int], budget: int) -> None:
    room: Room = WaitingRoom(settings(batch=budget), ManualClock())
    waiting = items(*lengths)
    room.admit(waiting)
    seen: list[WaitingRow[str]] = []
    while batch := room.next_batch():
        assert padded(batch) <= budget
        oldest = next(item for item in waiting if item not in seen)
        assert oldest in batch, "the oldest row is in every batch, so none waits for ever"
        seen += batch
    assert sorted(map(id, seen)) == sorted(map(id, waiting))
    assert room.waiting_tokens(Priority.BULK) == room.waiting_rows(Priority.BULK) == 0


def test_batches_of_headlines_are_nearly_full(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(), clock)
    lengths = [5 + (7 * i * i) % 41 for i in range(2000)]
    room.admit(items(*lengths))
    total = 0
    while batch := room.next_batch():
        total += padded(batch)
    assert sum(lengths) / total > 0.9


def test_the_highest_class_goes_first_while_nobody_is_owed_a_batch(room: Room) -> None:
    for priority in reversed(Priority):
        room.admit(items(10, priority=priority))
    order = [room.next_batch()[0].priority for _ in range(3)]
    assert order == list(Priority)


@given(
    st.lists(st.tuples(st.sampled_from(list(Priority)), LENGTHS), max_size=400),
    st.integers(256, 1024),
)
def test_a_waiting_class_gets_its_share_of_any_window(
    arrivals: list[tuple[Priority, int]], budget: int
) -> None:
    """Rows arrive while batches run; each stretch in which a class waits is checked."""
    room: Room = WaitingRoom(settings(batch=budget), ManualClock())
    log: list[tuple[Priority, int, set[Priority]]] = []
    pending = list(arrivals)
    while pending or any(room.waiting_rows(p) for p in Priority):
        for priority, length in pending[:40]:
            room.admit(items(length, priority=priority))
        del pending[:40]
        waiting = {p for p in Priority if room.waiting_rows(p)}
        batch = room.next_batch()
        log.append((batch[0].priority, padded(batch), waiting))
    for priority in Priority:
        for start in range(len(log)):
            window = got = 0
            for who, tokens, waiting in log[start:]:
                if priority not in waiting:
                    break
                window += tokens
                got += tokens if who is priority else 0
                assert got >= SHARES[priority] * window - 3 * budget


def test_shares_hold_for_a_long_time_under_full_load(room: Room) -> None:
    got = dict.fromkeys(Priority, 0)
    for _ in range(2000):
        for priority in Priority:
            if room.waiting_tokens(priority) < 5000:
                room.admit(items(*[16] * 64, priority=priority))
        batch = room.next_batch()
        got[batch[0].priority] += padded(batch)
    total = sum(got.values())
    for priority in Priority:
        assert got[priority] / total >= SHARES[priority] - 0.01


def test_what_a_class_got_beyond_its_share_is_not_held_against_it(room: Room) -> None:
    room.admit(items(*[16] * 6400))
    for _ in range(50):
        room.next_batch()
    room.admit(items(10, priority=Priority.INTERACTIVE))
    room.admit(items(10, priority=Priority.STREAM))
    order = [room.next_batch()[0].priority for _ in range(3)]
    assert order == list(Priority)


def test_between_layers_only_the_asked_class_comes(room: Room) -> None:
    room.admit(items(10))
    assert room.next_batch(only=Priority.INTERACTIVE) == []
    room.admit(items(10, priority=Priority.INTERACTIVE))
    assert room.next_batch(only=Priority.INTERACTIVE)[0].priority is Priority.INTERACTIVE
    assert room.waiting_rows(Priority.BULK) == 1


def test_a_flood_does_not_come_between_layers_when_another_class_is_owed(room: Room) -> None:
    room.admit(items(10))
    for _ in range(6):
        room.admit(items(*[16] * 64, priority=Priority.INTERACTIVE))
        room.next_batch(only=Priority.INTERACTIVE)
    room.admit(items(16, priority=Priority.INTERACTIVE))
    assert room.next_batch(only=Priority.INTERACTIVE) == []
    assert room.next_batch()[0].priority is Priority.BULK


def test_a_row_is_not_computed_after_its_deadline(room: Room, clock: ManualClock) -> None:
    late, unhurried = items(10, deadline_s=clock.monotonic() + 1), items(10)
    room.admit(late + unhurried)
    clock.advance(1.0)
    assert room.next_batch() == unhurried
    assert room.take_expired() == late
    assert room.take_expired() == []


def test_a_class_of_late_rows_only_does_not_hold_up_the_next(
    room: Room, clock: ManualClock
) -> None:
    room.admit(items(10, priority=Priority.INTERACTIVE, deadline_s=clock.monotonic()))
    room.admit(items(10))
    assert room.next_batch()[0].priority is Priority.BULK
    assert room.next_batch() == []


def test_withdrawn_rows_leave_at_once(room: Room) -> None:
    gone, stays = items(10, 20), items(30)
    room.admit(gone + stays)
    assert room.withdraw(gone) == 2
    assert room.withdraw(gone) == 0
    assert room.waiting_tokens(Priority.BULK) == 30
    batch = room.next_batch()
    assert batch == stays
    assert room.withdraw(batch) == 0


@pytest.mark.parametrize("limits", [{"tokens": 100}, {"rows": 10}])
def test_a_full_class_refuses_all_of_a_call_and_other_classes_do_not_notice(
    limits: dict[str, int], clock: ManualClock
) -> None:
    room: Room = WaitingRoom(settings(**limits), clock)
    room.admit(items(*[10] * 8))
    with pytest.raises(OverloadedError, match="8 bulk texts with 80 tokens") as refusal:
        room.admit(items(*[10] * 3))
    assert refusal.value.retry_after_s == 1.0
    assert room.waiting_rows(Priority.BULK) == 8
    room.admit(items(*[10] * 8, priority=Priority.INTERACTIVE))


def test_a_call_larger_than_the_limit_enters_an_empty_class(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(tokens=100, rows=10), clock)
    room.admit(items(*[10] * 30))
    with pytest.raises(OverloadedError):
        room.admit(items(1))


def test_reserved_rows_count(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(rows=10), clock)
    room.reserve(Priority.BULK, 8)
    with pytest.raises(OverloadedError):
        room.reserve(Priority.BULK, 3)
    room.release(Priority.BULK, 8)
    room.reserve(Priority.BULK, 10)


def test_retry_after_follows_the_measured_rate(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(tokens=1000), clock)
    room.record(tokens=500, seconds=1.0)
    room.record(tokens=0, seconds=0.0)
    room.admit(items(*[100] * 10))
    room.admit(items(*[100] * 5, priority=Priority.INTERACTIVE))
    with pytest.raises(OverloadedError) as refusal:
        room.admit(items(*[100] * 5))
    assert refusal.value.retry_after_s == pytest.approx((500 + 500) / 500)


def test_the_rate_forgets(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(tokens=100), clock)
    room.record(tokens=10, seconds=1.0)
    for _ in range(100):
        room.record(tokens=1000, seconds=1.0)
    room.admit(items(100))
    with pytest.raises(OverloadedError) as refusal:
        room.admit(items(100))
    assert refusal.value.retry_after_s == pytest.approx(0.1, rel=0.01)


def test_shares_beyond_the_whole_are_refused() -> None:
    greedy = ClassSettings(share=0.8, max_waiting_tokens=1, max_waiting_rows=1)
    with pytest.raises(ValidationError, match=r"sum to 1\.2"):
        QueueSettings(interactive=greedy)


def grouped(*groups: str, tokens: int = 10) -> list[WaitingRow[str]]:
    return [WaitingRow(f"{g}-{i}", tokens, Priority.BULK, group=g) for i, g in enumerate(groups)]


def test_rows_of_different_groups_share_no_batch_and_the_oldest_goes_first(room: Room) -> None:
    room.admit(grouped("b", "a", "b", "a", "c"))
    batches = [sorted(item.row for item in room.next_batch()) for _ in range(4)]
    assert batches == [["b-0", "b-2"], ["a-1", "a-3"], ["c-4"], []]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), LENGTHS), min_size=1, max_size=60),
    st.integers(min_value=64, max_value=600),
)
def test_the_oldest_row_is_in_every_batch_whatever_its_group(
    rows: list[tuple[str, int]], budget: int
) -> None:
    room: Room = WaitingRoom(settings(batch=budget), ManualClock())
    waiting = [
        WaitingRow(str(number), length, Priority.BULK, group=group)
        for number, (group, length) in enumerate(rows)
    ]
    room.admit(waiting)
    while batch := room.next_batch():
        assert waiting[0] in batch
        assert len({item.group for item in batch}) == 1
        assert len(batch) == 1 or padded(batch) <= budget
        waiting = [item for item in waiting if item not in batch]
        assert room.waiting_rows(Priority.BULK) == len(waiting)
    assert not waiting


def test_a_row_of_another_group_can_be_withdrawn_and_be_late(clock: ManualClock) -> None:
    room: Room = WaitingRoom(settings(), clock)
    gone, stays = grouped("a", "b")
    late = WaitingRow("late", 10, Priority.BULK, deadline_s=clock.monotonic() + 1, group="c")
    room.admit([gone, late, stays])
    assert room.withdraw([gone]) == 1
    assert room.withdraw([gone]) == 0
    clock.advance(2)
    assert room.next_batch() == [stays]
    assert room.take_expired() == [late]
    assert room.clear() == []
