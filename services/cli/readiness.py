"""Asks the applications of a run whether they are ready."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from services.cli.run_file import Run
from shared.errors import DependencyError

_LIMIT_S = 90.0
_REQUEST_S = 5.0
_STEP_S = 0.05
_PATIENCE_S = 5.0


def not_ready(url: str, prefix: str) -> dict[str, str]:
    """What an application misses, each with the reason; empty where it is ready."""
    request = f"{url}{prefix}/readyz"
    try:
        with urllib.request.urlopen(request, timeout=_REQUEST_S):  # noqa: S310
            return {}
    except urllib.error.HTTPError as error:
        return _missing(error.read()) or {"http": f"status {error.code}"}
    except OSError as error:
        return {"http": str(getattr(error, "reason", error))}


def wait_until_ready(run: Run, say: Callable[[str], None], *, limit_s: float = _LIMIT_S) -> None:
    """Returns when every application says that it is ready.

    What one misses is said when it takes longer than a few seconds, and again when it changes:
    somebody may be able to repair it meanwhile.

    Raises:
        DependencyError: one is not ready in time; the message says what it misses.
    """
    begun_s = time.monotonic()
    said = ""
    for name, prefix in run.applications.items():
        while missing := not_ready(run.url, prefix):
            parts = "; ".join(f"{part}: {reason}" for part, reason in missing.items())
            waited_s = time.monotonic() - begun_s
            if waited_s > limit_s:
                raise DependencyError(f"{name} is not ready after {limit_s:.0f} s: {parts}")
            if waited_s > _PATIENCE_S and parts != said:
                say(f"{name} is not ready: {parts}")
                said = parts
            time.sleep(_STEP_S)


def _missing(body: bytes) -> dict[str, str]:
    try:
        checks = json.loads(body)["checks"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {part: state for part, state in checks.items() if state != "ready"}
