"""A request whose values are wrong, with every fault at its place."""

from collections.abc import Sequence

from shared.errors import InputError
from shared.validation.faults import Fault, joined

_IN_MESSAGE = 5


class InvalidError(InputError):
    """Values do not fit their schema; the message says the first faults, `faults` all of them."""

    def __init__(
        self, message: str, *, param: str | None = None, faults: Sequence[Fault] = ()
    ) -> None:
        super().__init__(message, param=param)
        self.faults = tuple(faults)

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> "InvalidError":
        """The error of one or more faults; `param` is where the first is."""
        return cls(joined(faults, _IN_MESSAGE), param=faults[0].location or None, faults=faults)
