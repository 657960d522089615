"""Stands between Ray Serve and HAProxy: closes the configuration that Serve writes, then runs it.

Serve rewrites HAProxy's file at every change of its replicas and starts the binary that
`RAY_SERVE_HAPROXY_BINARY_PATH` names. No option of Serve narrows what that file opens to the
outside, so that path names a script that runs this file instead (see `haproxy_folder`):

    python -I -S haproxy.py POLICY.json -db -f FILE [...]

It edits FILE in place, or refuses it, and then becomes HAProxy under the same process id. It runs
at every reload, so it imports the standard library only.
"""

import ctypes
import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = ("127.0.0.1", "[::1]", "::1")
PAGE_STATUSES = (400, 408, 413, 500, 502, 503, 504)
"""What HAProxy answers by itself; each has a page `<status>.http` in the policy's folder.

Before a header is whole it takes none of them: such a request gets 400 or 408 in HTML.
"""

SERVE_TEXT_STATUSES = (408, 429, 500, 503)
"""What Serve answers in plain text, before a request reaches an application."""

BODY_NAMES = (404, 411, 413, *SERVE_TEXT_STATUSES)
"""The statuses whose bodies, `<status>.json`, stand beside the pages."""

_EDITED = {"access log", "admin socket", "defaults", "frontend", "not found"}
_BIND = re.compile(r"^(\s*bind\s+)(\S*):(\d+)(\s.*)?$")
_SECTION = re.compile(r"^(\w+)(?:\s+(\S+))?\s*$")
_ADMIN_SOCKET = re.compile(r"^(\s*stats socket \S+ mode )666( .*)$")
_ERROR_FILE = re.compile(r"^\s*errorfile\s+\d+\s")
_NOT_FOUND = re.compile(r"^\s*http-request return status 404 .*$")
_ACCESS_LOG = re.compile(r"^\s*log \d+\.\d+\.\d+\.\d+:\d+ local0 info$")
_PR_SET_PDEATHSIG = 1
_EXIT_REFUSED = 78


class RefusedConfiguration(Exception):
    """HAProxy's file would open more than was asked for, or no longer has the known shape."""


@dataclass(frozen=True, slots=True)
class HaproxyPolicy:
    """What HAProxy may open.

    `binary` is the real HAProxy; `frontend_host` and `frontend_port` are where applications are
    served, the only address that may be other than loopback; `pages` is the folder of answers.
    """

    binary: str
    frontend_host: str
    frontend_port: int
    max_body_bytes: int
    header_timeout_s: int
    pages: str


def close_configuration(text: str, policy: HaproxyPolicy) -> str:
    """The same configuration, open to loopback and to the policy's frontend alone.

    Raises:
        RefusedConfiguration: an address is left that was not asked for, or a part that must be
            edited is missing.
    """
    lines: list[str] = []
    done: set[str] = set()
    section = ""
    for line in text.splitlines():
        if not line[:1].isspace() and (start := _SECTION.match(line)):
            section = " ".join(part for part in start.groups() if part)
        lines += _edit(line, section, policy, done)
    missing = _EDITED - done
    if missing:
        raise RefusedConfiguration(
            f"Serve's HAProxy configuration has no known {', '.join(sorted(missing))}: "
            "this version of Ray writes another file than the one that Banyan closes"
        )
    _check_addresses(lines, policy)
    return "\n".join(lines) + "\n"


def _edit(line: str, section: str, policy: HaproxyPolicy, done: set[str]) -> list[str]:
    if bind := _BIND.match(line):
        before, host, port, after = bind.groups()
        if section == "frontend http_frontend":
            done.add("frontend")
            address = f"{policy.frontend_host}:{policy.frontend_port}"
            return [f"{before}{address}{after or ''}", *_frontend_rules(policy)]
        open_host = "127.0.0.1" if host in ("", "*") else host
        return [f"{before}{open_host}:{port}{after or ''}"]
    if socket := _ADMIN_SOCKET.match(line):
        done.add("admin socket")
        return [f"{socket[1]}600{socket[2]}"]
    if section == "defaults" and line.startswith("defaults"):
        done.add("defaults")
        pages = [f"    errorfile {s} {policy.pages}/{s}.http" for s in PAGE_STATUSES]
        return [line, f"    timeout http-request {policy.header_timeout_s}s", *pages]
    if _ACCESS_LOG.match(line):
        # To send there HAProxy opens UDP sockets on every address; applications log themselves.
        done.add("access log")
        return []
    if _ERROR_FILE.match(line):
        return []
    if section == "backend default_backend" and _NOT_FOUND.match(line):
        done.add("not found")
        return [f"    http-request return status 404 {_body(policy, 404)}"]
    return [line]


def _frontend_rules(policy: HaproxyPolicy) -> list[str]:
    """Serve trusts two headers of any client, and holds bodies of any size in memory."""
    limit = policy.max_body_bytes
    rules = [
        "http-request del-header x-request-timeout-seconds",
        "http-request del-header x-request-disconnect-disabled",
        f"http-request return status 413 {_body(policy, 413)} "
        f"if {{ req.hdr_val(content-length) gt {limit} }}",
        f"http-request return status 411 {_body(policy, 411)} "
        "if { method POST PUT PATCH } !{ req.hdr(content-length) -m found }",
    ]
    for status in SERVE_TEXT_STATUSES:
        retry = " hdr retry-after 1" if status in (429, 503) else ""
        rules.append(
            f"http-response return status {status} {_body(policy, status)}{retry} "
            f"if {{ status {status} }} {{ res.hdr(content-type) -m beg text/plain }}"
        )
    return [f"    {rule}" for rule in rules]


def _body(policy: HaproxyPolicy, status: int) -> str:
    return f"content-type application/problem+json file {policy.pages}/{status}.json"


def _check_addresses(lines: Sequence[str], policy: HaproxyPolicy) -> None:
    frontend = (policy.frontend_host, str(policy.frontend_port))
    for line in lines:
        if not line.lstrip().startswith("bind"):
            continue
        bind = _BIND.match(line)
        if bind is None or (bind[2] not in LOOPBACK and (bind[2], bind[3]) != frontend):
            raise RefusedConfiguration(f"HAProxy would listen by {line.strip()!r}: not asked for")


def die_with_parent() -> None:
    """Lets the kernel kill this process when its parent dies; survives `exec`; Linux only."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        raise SystemExit("the parent ended meanwhile")


def main(arguments: Sequence[str]) -> None:
    """Closes the file behind `-f` and becomes HAProxy; ends with a message if that is refused."""
    policy = HaproxyPolicy(**json.loads(Path(arguments[0]).read_text("utf-8")))
    haproxy_arguments = list(arguments[1:])
    if "-f" in haproxy_arguments:
        path = Path(haproxy_arguments[haproxy_arguments.index("-f") + 1])
        try:
            closed = close_configuration(path.read_text("utf-8"), policy)
        except RefusedConfiguration as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(_EXIT_REFUSED) from None
        path.write_text(closed, "utf-8")
    die_with_parent()
    os.execv(policy.binary, [policy.binary, *haproxy_arguments])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
