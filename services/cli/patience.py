"""Requests that wait for a platform that is busy, as long as it asks for."""

import time
from collections.abc import Callable
from typing import TypeVar

from shared.errors import OverloadedError

_LIMIT_S = 120.0

Answer = TypeVar("Answer")


def patiently(
    send: Callable[[], Answer],
    *,
    pause: Callable[[float], None] = time.sleep,
    limit_s: float = _LIMIT_S,
) -> Answer:
    """Sends, and sends again after the pause that a busy platform asks for.

    Raises:
        OverloadedError: the pauses of one request would last longer than `limit_s`.
    """
    waited_s = 0.0
    while True:
        try:
            return send()
        except OverloadedError as error:
            waited_s += error.retry_after_s
            if waited_s > limit_s:
                raise
            pause(error.retry_after_s)
