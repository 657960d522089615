from shared.clock import ManualClock
from shared.serving.idle_memory import IdleMemory, give_back


def test_memory_is_given_back_once_after_ten_quiet_seconds() -> None:
    clock = ManualClock()
    given: list[float] = []
    begun_s = clock.monotonic()
    memory = IdleMemory(clock, lambda: given.append(clock.monotonic() - begun_s))

    for done in (0, 3, 3, 4, 4, 4, 4, 4):
        memory.look(done)
        clock.advance(6)

    assert given == [30.0]


def test_what_the_start_took_is_given_back_too() -> None:
    clock = ManualClock()
    given: list[bool] = []
    memory = IdleMemory(clock, lambda: given.append(True))

    memory.look(0)
    clock.advance(10)
    memory.look(0)

    assert given == [True]


def test_giving_back_fails_nowhere() -> None:
    give_back()
