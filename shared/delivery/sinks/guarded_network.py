"""The network as a webhook may use it: the addresses that it may call, and one deadline for all.

A client's time-outs count each operation, so who sends a byte every few seconds holds it for ever.
Here resolving, connecting, TLS, sending and receiving share one deadline.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence

import httpcore

from shared.errors import DependencyError

Resolve = Callable[[str, int], Sequence[str]]
"""A host's addresses, the preferred one first; raises `OSError`."""

Connect = Callable[[tuple[str, int], float], socket.socket]
"""Opens a connection to an address and a port within some seconds; raises `OSError`."""

_SEND_BYTES = 64 * 1024
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Deadline:
    """The end of an exchange that begins now."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end_s = time.monotonic() + timeout_s

    def left_s(self) -> float:
        """Seconds that are left, more than 0.

        Raises:
            DependencyError: none are.
        """
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise self.passed()
        return left_s

    def passed(self) -> DependencyError:
        """What to raise where an operation did not end in time."""
        return DependencyError(f"no whole answer within {self._timeout_s:g} s")


class GuardedNetwork(httpcore.NetworkBackend):
    """Connections for one exchange.

    All addresses of a host are tried until one takes the connection, beginning with number `first`
    (counted round), so that a next attempt can begin with another one. Each gets its share of the
    time that is left. Those that are not public are left out, unless `allow_private`.
    """

    def __init__(
        self,
        deadline: Deadline,
        *,
        resolve: Resolve,
        connect: Connect,
        allow_private: bool,
        first: int = 0,
    ) -> None:
        self._deadline = deadline
        self._resolve = resolve
        self._connect = connect
        self._allow_private = allow_private
        self._first = first

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """See `httpcore.NetworkBackend`; `timeout` is the deadline's.

        Raises:
            DependencyError: no address may be called, or none answers in time.
        """
        addresses = self._allowed(self._addresses(host, port))
        start = self._first % len(addresses)
        faults = []
        for tried, address in enumerate([*addresses[start:], *addresses[:start]]):
            share_s = self._deadline.left_s() / (len(addresses) - tried)
            try:
                connection = self._connect((address, port), share_s)
            except OSError as error:
                faults.append(f"{address}: {error}")
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Stream(connection, self._deadline)
        raise DependencyError(f"no connection ({'; '.join(faults)})")

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolves in another thread: a resolver cannot be told to hurry."""
        found: list[Sequence[str] | OSError] = []

        def resolve() -> None:
            try:
                found.append(self._resolve(host, port))
            except OSError as error:
                found.append(error)

        thread = threading.Thread(target=resolve, name="webhook-resolve", daemon=True)
        thread.start()
        thread.join(self._deadline.left_s())
        if not found:
            raise DependencyError(f"the webhook's host does not resolve: {self._deadline.passed()}")
        if isinstance(found[0], OSError):
            raise DependencyError(f"the webhook's host does not resolve: {found[0]}")
        if not found[0]:
            raise DependencyError("the webhook's host resolves to no address")
        return list(dict.fromkeys(found[0]))

    def _allowed(self, addresses: Sequence[str]) -> Sequence[str]:
        allowed = [one for one in addresses if self._allow_private or is_public(one)]
        if not allowed:
            raise DependencyError(
                f"the webhook's host resolves to {', '.join(addresses)}, which is not a public "
                "address: name another one, or set webhook.allow_private"
            )
        return allowed


class _Stream(httpcore.NetworkStream):
    """A connection of which every operation ends by the deadline."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._socket = connection
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at most `max_bytes`."""
        try:
            self._socket.settimeout(self._deadline.left_s())
            return self._socket.recv(max_bytes)
        except TimeoutError:
            raise self._deadline.passed() from None
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of it."""
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(self._deadline.left_s())
                rest = rest[self._socket.send(rest[:_SEND_BYTES]) :]
        except TimeoutError:
            raise self._deadline.passed() from None
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted; the certificate is checked against the host's name."""
        try:
            # The time-out of a handshake counts all of it.
            self._socket.settimeout(self._deadline.left_s())
            wrapped = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError:
            self.close()
            raise self._deadline.passed() from None
        except OSError as error:
            self.close()
            raise httpcore.ConnectError(str(error)) from error
        return _Stream(wrapped, self._deadline)


def resolve(host: str, port: int) -> Sequence[str]:
    """What the machine's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, in whatever clothes."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # Private addresses in the clothes of version 6.
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None and not inner.is_global:
            return False
    return address.is_global and not address.is_multicast
