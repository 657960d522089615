"""Asks the applications of a run whether they are ready."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from services.cli.platform.run_file import Run
from shared.errors import DependencyError

OUTSIDE_PARTS = frozenset({"broker", "stream", "webhook"})
"""What an application may miss without keeping the platform from starting.

A broker may be another team's, and come back in an hour: until then the trunk, the chat and the
analysis of texts are of use. The stream is ready only with its broker.
"""

_LIMIT_S = 90.0
_OUTSIDE_LIMIT_S = 10.0
_REQUEST_S = 5.0
_STEP_S = 0.05
_PATIENCE_S = 5.0


def not_ready(url: str, prefix: str, key: str | None = None) -> dict[str, str]:
    """What an application misses; empty where it is ready.

    Where keys are needed, the reasons are told to an admin key of the tenant `default`.
    """
    headers = {"authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{url}{prefix}/readyz", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_REQUEST_S):  # noqa: S310
            return {}
    except urllib.error.HTTPError as error:
        return _missing(error.read()) or {"http": f"status {error.code}"}
    except OSError as error:
        return {"http": str(getattr(error, "reason", error))}


def warnings_of(url: str, prefix: str, key: str | None = None) -> dict[str, str]:
    """What a ready application warns of, by its part; empty where it says nothing."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{url}{prefix}/readyz", headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_REQUEST_S) as response:  # noqa: S310
            checks = json.loads(response.read())["checks"]
            return {part: state for part, state in checks.items() if ", but " in state}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def wait_until_ready(
    run: Run,
    say: Callable[[str], None],
    *,
    key: str | None = None,
    limit_s: float = _LIMIT_S,
    outside_limit_s: float = _OUTSIDE_LIMIT_S,
) -> dict[str, str]:
    """Returns when every application is ready, or waits only for what lies outside the platform.

    What one misses is said when it takes longer than a few seconds, and again when it changes:
    somebody may be able to repair it meanwhile. Returned are the applications that go without some
    of `OUTSIDE_PARTS`, given up after `outside_limit_s`, each with what it misses.

    Raises:
        DependencyError: one misses something else; the message says what.
    """
    begun_s = time.monotonic()
    said = ""
    left: dict[str, str] = {}
    for name, prefix in run.applications.items():
        while missing := not_ready(run.url, prefix, key):
            parts = described(missing)
            waited_s = time.monotonic() - begun_s
            if missing.keys() <= OUTSIDE_PARTS and waited_s > outside_limit_s:
                left[name] = parts
                break
            if waited_s > limit_s:
                raise DependencyError(f"{name} is not ready after {limit_s:.0f} s: {parts}")
            if waited_s > _PATIENCE_S and parts != said:
                say(f"{name} is not ready: {parts}")
                said = parts
            time.sleep(_STEP_S)
    return left


def described(missing: dict[str, str]) -> str:
    """What is missing, in one line."""
    return "; ".join(f"{part}: {reason}" for part, reason in missing.items())


def _missing(body: bytes) -> dict[str, str]:
    try:
        checks = json.loads(body)["checks"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {part: state for part, state in checks.items() if not state.startswith("ready")}
