import pytest

from services.cli.patience import patiently
from shared.errors import InputError, OverloadedError


class Busy:
    """Is busy for some requests, and asks for ever longer pauses."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.sent = 0

    def __call__(self) -> str:
        self.sent += 1
        if self.sent <= self.times:
            raise OverloadedError("busy", retry_after_s=self.sent)
        return "done"


def test_the_pauses_are_those_that_are_asked_for() -> None:
    pauses: list[float] = []

    assert patiently(Busy(3), pause=pauses.append) == "done"

    assert pauses == [1, 2, 3]


def test_patience_ends() -> None:
    pauses: list[float] = []

    with pytest.raises(OverloadedError):
        patiently(Busy(99), pause=pauses.append, limit_s=10)

    assert pauses == [1, 2, 3, 4]


def test_another_refusal_is_not_waited_for() -> None:
    def refuse() -> None:
        raise InputError("no")

    with pytest.raises(InputError):
        patiently(refuse, pause=lambda seconds: pytest.fail("there was a pause"))
