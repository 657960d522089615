"""Any error as one sentence."""

import errno

import pytest
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError

from shared.errors import InputError
from shared.failures import TRACEBACK_VARIABLE, ending_of, reason_of
from tests.harness.plain import is_plain


class NoBrokersAvailable(RuntimeError):
    """As kafka-python names its errors."""


class Port(BaseModel):
    port: int


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Port.model_validate({"port": "x"})
    return caught.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("a sentence"), "a sentence"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "rows.csv"),
         "rows.csv: no such file or directory"),
        (OSError(errno.ENOSPC, "No space left on device"),
         "no space left on device: free some, then run it again"),
        (TimeoutError(), "timeout"),
        (TimeoutError("no answer"), "no answer"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), "byte 0 is not UTF-8"),
        (KeyError("task"), "'task' is missing"),
        (ModuleNotFoundError("No module named 'psycopg'", name="psycopg"),
         "the package psycopg is not installed"),
        (invalid(), "port: expected a whole number, found 'x'"),
        (NoBrokersAvailable(), "no brokers available"),
        (RuntimeError("kafka.errors.NodeNotReadyError: the node is away\nTraceback"),
         "the node is away"),
        (ValueError("ValueError: bad"), "bad"),
    ],
)  # fmt: skip
def test_a_reason_has_no_names_of_classes(error: Exception, said: str) -> None:
    assert reason_of(error) == said
    assert is_plain(reason_of(error))


def test_an_ending_tells_a_mistake_from_a_fault_of_the_code() -> None:
    for known in (InputError("bad"), OSError(errno.EACCES, "Permission denied", "a")):
        assert "fault of Banyan" not in ending_of(known)
    assert ending_of(SafetensorError("header too large")) == "header too large"
    assert TRACEBACK_VARIABLE in ending_of(ZeroDivisionError("division by zero"))
