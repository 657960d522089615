"""Who may call a platform without keys: programs of this machine, and pages that it serves itself.

A browser runs pages of strangers beside it. They send forms to 127.0.0.1 (cross-site requests),
and by a name of theirs that they point there (DNS rebinding) they also read the answers. Where keys
are needed a page has none to send, and nothing is asked here.

Source: W3C Fetch Metadata Request Headers; RFC 9110, sections 7.4 and 15.5.20.
"""

import ipaddress
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Self

from starlette.datastructures import Headers

from shared.errors import ConfigError
from shared.http.keys import KeyStore

_PLACE = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@\s]+)(?::(?P<port>\d{1,5}))?")
_ORIGIN = re.compile(rf"https?://(?P<place>{_PLACE.pattern})")
_LIVENESS = re.compile(r"(?:/[^/]+)?/healthz")
_SHOWN_CHARS = 100

Refused = tuple[HTTPStatus, str]
"""A status, and why."""


class OriginGuard:
    """Judges a request by its `Host`, `Origin` and `Sec-Fetch-Site`, as long as no key is needed.

    `hosts` are names, without ports, that the platform has besides loopback; `origins` are pages
    that may call it besides its own, such as `https://console.example.org`.
    """

    def __init__(
        self, keys: KeyStore, *, hosts: Collection[str] = (), origins: Collection[str] = ()
    ) -> None:
        self._keys = keys
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.lower() for origin in origins)

    @classmethod
    def of(cls, keys: KeyStore, environ: Mapping[str, str]) -> Self:
        """The guard of the settings `http_hosts` and `http_origins`, as `banyan up` hands them on.

        Each variable holds its values with commas between them.
        """
        hosts, origins = (
            tuple(part for part in environ.get(name, "").split(",") if part)
            for name in ("BANYAN_HTTP_HOSTS", "BANYAN_HTTP_ORIGINS")
        )
        return cls(keys, hosts=hosts, origins=origins)

    def refusal(self, method: str, path: str, headers: Headers) -> Refused | None:
        """Why the request is not served, or None."""
        if not self._is_open():
            return None
        host = headers.get("host", "").lower()
        # Probes name a machine by its address; that a process lives is no secret. Who sends no Host
        # is no browser: HAProxy's own checks are such requests.
        if host and not self._is_known(host) and not _is_probe(method, path):
            return (
                HTTPStatus.MISDIRECTED_REQUEST,
                f"the platform is not known as {host[:_SHOWN_CHARS]!r}: ask 127.0.0.1, or list the "
                "name in BANYAN_HTTP_HOSTS",
            )
        origin = headers.get("origin", "").lower()
        if origin in self._origins:
            return None
        site = headers.get("sec-fetch-site", "").lower()
        is_strange = bool(origin) and not _is_same(origin, host)
        if is_strange or (site == "cross-site" and not _is_visit(method, headers)):
            who = repr(origin[:_SHOWN_CHARS]) if origin else "another site"
            return (
                HTTPStatus.FORBIDDEN,
                f"a web page of {who} may not call a platform without keys: list its origin in "
                "BANYAN_HTTP_ORIGINS, or make a key with `banyan keys create`",
            )
        return None

    def _is_open(self) -> bool:
        try:
            return self._keys.is_open()
        except ConfigError:
            # With a corrupt file of keys the application lets nobody in, and says why.
            return False

    def _is_known(self, host: str) -> bool:
        place = _PLACE.fullmatch(host)
        return place is not None and (
            _is_loopback(place["name"]) or place["name"].strip("[]") in self._hosts
        )


def _is_probe(method: str, path: str) -> bool:
    """Whether it asks if a process lives; a document or an item may be called `healthz`, too."""
    return method in ("GET", "HEAD") and _LIVENESS.fullmatch(path) is not None


@lru_cache(maxsize=64)
def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_same(origin: str, host: str) -> bool:
    """Whether a page came from this host and port; all names of loopback are one host."""
    page, place = _ORIGIN.fullmatch(origin), _PLACE.fullmatch(host)
    if page is None or place is None:
        return False
    both_here = _is_loopback(page["name"]) and _is_loopback(place["name"])
    return page["place"] == host or (both_here and page["port"] == place["port"])


def _is_visit(method: str, headers: Headers) -> bool:
    """Whether a person follows a link, such as one to the documents: the page that has it learns
    nothing, and nothing changes."""
    return (
        method == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )
