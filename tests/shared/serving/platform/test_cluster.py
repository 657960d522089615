import pytest

from shared.serving.platform.cluster import failure_reason, first_line

TRACEBACK = """The deployment failed to start 1 times in a row. Error:
ray::ServeReplica:backbone:Encoder.initialize_and_get_metadata() (pid=1, ip=127.0.0.1)
  File "/lib/concurrent/futures/_base.py", line 449, in result
    return self.__get_result()
RuntimeError: Traceback (most recent call last):
  File "/lib/ray/serve/_private/replica.py", line 984, in initialize
    await self._user_callable_wrapper.initialize_callable()
  File "/app/services/backbone/app.py", line 33, in __init__
    raise ArtifactError("x")
{error}
"""


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("shared.errors.ArtifactError: bundle a@1 is corrupt", "bundle a@1 is corrupt"),
        ("ValueError: no such thing", "ValueError: no such thing"),
        ("torch.cuda.OutOfMemoryError: no memory", "OutOfMemoryError: no memory"),
        ("ImportError: cannot import name", "ImportError: cannot import name"),
        (
            "shared.errors.ConfigError: the configuration has 2 faults:\n  a: wrong\n  b: missing",
            "the configuration has 2 faults: a: wrong; b: missing",
        ),
    ],
)
def test_the_reason_is_the_tracebacks_last_error(error: str, reason: str) -> None:
    assert failure_reason(TRACEBACK.format(error=error)) == reason


def test_a_message_without_a_traceback_is_its_own_reason() -> None:
    assert failure_reason("\n  no node has a GPU\nmore") == "no node has a GPU"


def test_nothing_has_no_reason() -> None:
    assert first_line(" \n") == "no reason given"
