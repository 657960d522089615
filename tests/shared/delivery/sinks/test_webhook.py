"""A webhook: what it posts, where it refuses to go, how long it waits, and what answers mean."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr, ValidationError

from shared.delivery.outbox import Delivery, Message
from shared.delivery.relay import Attempt, Outcome
from shared.delivery.sinks.webhook import Webhook, WebhookSettings
from shared.errors import ConfigError

HOST = "hooks.example.org"
PUBLIC = "93.184.216.34"
OTHER = "8.8.8.8"
URL = f"http://{HOST}:8443/alerts?team=a"
SHORT_S = 0.3
"""A whole attempt's time in tests of receivers that would never end."""

Serve = Callable[[socket.socket], None]


class Server:
    """Accepts on this machine; each connection is served by `serve` in another thread."""

    def __init__(self, serve: Serve, context: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.closing = threading.Event()
        self.requests: list[bytes] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._answer, args=(connection,)))
            self._threads[-1].start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection:
                if self._context is not None:
                    with self._context.wrap_socket(connection, server_side=True) as wrapped:
                        self._serve(wrapped)
                else:
                    self._serve(connection)
        except OSError:
            return  # The client went away.

    def close(self) -> None:
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def receive(self, connection: socket.socket) -> None:
        """Reads one request, whole."""
        request = b""
        while b"\r\n\r\n" not in request or not request.endswith(b'{"a":1}'):
            part = connection.recv(65_536)
            if not part:
                return
            request += part
        self.requests.append(request)


@contextmanager
def serving(
    answer: bytes | Callable[[Server, socket.socket], None],
    context: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """A server that answers each request with some bytes, or does what a test says."""

    def serve(connection: socket.socket) -> None:
        if callable(answer):
            answer(server, connection)
            return
        server.receive(connection)
        connection.sendall(answer)

    server = Server(serve, context)
    try:
        yield server
    finally:
        server.close()


def says(status: int, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} Said\r\n{headers}content-length: 0\r\n\r\n".encode()


class Network:
    """Leads addresses to servers, and remembers which were called; others refuse connections."""

    def __init__(self, **servers: Server) -> None:
        self.servers = servers
        self.called: list[tuple[str, int]] = []

    def connect(self, address: tuple[str, int], timeout_s: float) -> socket.socket:
        self.called.append(address)
        server = self.servers.get("a" + address[0].replace(".", "_"))
        if server is None:
            raise ConnectionRefusedError("nobody listens")
        return socket.create_connection(server.address, timeout_s)


def hook(
    network: Network,
    *,
    addresses: Sequence[str] = (PUBLIC,),
    url: str = URL,
    allow_private: bool = False,
    timeout_s: float = 20.0,
    ssl_context: ssl.SSLContext | None = None,
) -> Webhook:
    settings = WebhookSettings(
        url=SecretStr(url),
        token=SecretStr("secret"),
        allow_private=allow_private,
        timeout_s=timeout_s,
    )
    return Webhook(
        "webhook",
        settings,
        resolve=lambda host, port: addresses,
        connect=network.connect,
        ssl_context=ssl_context,
    )


def attempts(webhook: Webhook, *keys: str, tries: int = 0) -> list[Attempt]:
    messages = [Message("webhook", key, b'{"a":1}', {"idempotency-key": key}) for key in keys]
    return list(webhook.send([Delivery(one.key, one, tries) for one in messages]))


def test_it_posts_to_the_address_that_it_checked() -> None:
    with serving(says(202)) as server:
        network = Network(a93_184_216_34=server)
        (attempt,) = attempts(hook(network), "one")

    assert attempt.outcome is Outcome.DELIVERED
    assert network.called == [(PUBLIC, 8443)]
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    first, *rest = head.decode().lower().split("\r\n")
    assert first == "post /alerts?team=a http/1.1"
    assert {
        f"host: {HOST}:8443",
        "idempotency-key: one",
        "authorization: bearer secret",
        "content-type: application/json",
        "content-length: 7",
    } <= set(rest)
    assert body == b'{"a":1}'


def certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate of this host, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + made.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=made.public_bytes(Encoding.PEM).decode())


@pytest.mark.parametrize(("host", "outcome"), [(HOST, Outcome.DELIVERED), ("b.org", Outcome.AWAY)])
def test_a_certificate_is_checked_against_the_name(
    tmp_path: Path, host: str, outcome: Outcome
) -> None:
    served, trusting = certificate(tmp_path, host)
    with serving(says(200), served) as server:
        network = Network(a93_184_216_34=server)
        webhook = hook(network, url=f"https://{HOST}/a", ssl_context=trusting)
        (attempt,) = attempts(webhook, "one")

    assert (attempt.outcome, network.called) == (outcome, [(PUBLIC, 443)])
    assert len(server.requests) == (outcome is Outcome.DELIVERED)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_addresses_that_are_not_public_are_not_called(address: str) -> None:
    network = Network()

    (attempt,) = attempts(hook(network, addresses=[address]), "one")
    assert attempt.outcome is Outcome.AWAY
    assert "allow_private" in attempt.error
    assert network.called == []

    # Beside a public one it is left out.
    attempts(hook(network, addresses=[address, PUBLIC]), "one")
    assert network.called == [(PUBLIC, 8443)]


def test_private_addresses_are_called_where_that_is_allowed() -> None:
    with serving(says(200)) as server:
        webhook = hook(Network(a127_0_0_1=server), addresses=["127.0.0.1"], allow_private=True)
        outcomes = [one.outcome for one in attempts(webhook, "one", "two")]

    assert outcomes == [Outcome.DELIVERED] * 2


def test_all_addresses_are_tried_until_one_takes_the_connection() -> None:
    with serving(says(200)) as server:
        network = Network(a8_8_8_8=server)
        webhook = hook(network, addresses=[PUBLIC, "1.1.1.1", PUBLIC, OTHER])
        (attempt,) = attempts(webhook, "one")
    assert attempt.outcome is Outcome.DELIVERED
    assert [address for address, _ in network.called] == [PUBLIC, "1.1.1.1", OTHER]

    (attempt,) = attempts(hook(Network(), addresses=[PUBLIC, OTHER]), "one")
    assert attempt.outcome is Outcome.AWAY
    assert PUBLIC in attempt.error
    assert OTHER in attempt.error


def test_a_next_attempt_begins_with_another_address() -> None:
    def close_at_once(server: Server, connection: socket.socket) -> None:
        server.receive(connection)

    with serving(close_at_once) as bad, serving(says(200)) as good:
        network = Network(a93_184_216_34=bad, a8_8_8_8=good)
        webhook = hook(network, addresses=[PUBLIC, OTHER])
        outcomes = [attempts(webhook, "one", tries=tries)[0].outcome for tries in range(2)]

    assert outcomes == [Outcome.AWAY, Outcome.DELIVERED]


def drips(start: bytes) -> Callable[[Server, socket.socket], None]:
    """Sends a beginning, then a byte at a time, faster than any time-out of one operation."""

    def serve(server: Server, connection: socket.socket) -> None:
        connection.sendall(start)
        while not server.closing.wait(SHORT_S / 20):
            connection.sendall(b"x")

    return serve


def silent(server: Server, connection: socket.socket) -> None:
    server.closing.wait(20)


@pytest.mark.parametrize(
    "serve",
    [
        silent,
        drips(b""),
        drips(b"HTTP/1.1 200 OK\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nslow: "),
    ],
    ids=["silent", "status", "headers", "one header"],
)
def test_one_deadline_ends_an_exchange_however_it_drips(
    serve: Callable[[Server, socket.socket], None],
) -> None:
    with serving(serve) as server:
        webhook = hook(Network(a93_184_216_34=server), timeout_s=SHORT_S)
        (attempt,) = attempts(webhook, "one", "two")

    assert attempt.outcome is Outcome.AWAY
    assert attempt.error == "no whole answer within 0.3 s"


def test_a_handshake_that_never_ends_is_given_up() -> None:
    with serving(silent) as server:
        network = Network(a93_184_216_34=server)
        webhook = hook(network, url=f"https://{HOST}/a", timeout_s=SHORT_S)
        (attempt,) = attempts(webhook, "one")

    assert attempt.error == "no whole answer within 0.3 s"


def test_a_receiver_that_does_not_read_is_given_up() -> None:
    large = Message("webhook", "large", b"x" * 30_000_000)
    with serving(silent) as server:
        webhook = hook(Network(a93_184_216_34=server), timeout_s=SHORT_S)
        (attempt,) = webhook.send([Delivery("large", large, 0)])

    assert attempt.error == "no whole answer within 0.3 s"


def test_a_body_that_never_ends_delays_nobody() -> None:
    endless = drips(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    with serving(endless) as server:
        (attempt,) = attempts(hook(Network(a93_184_216_34=server)), "one")

    assert attempt.outcome is Outcome.DELIVERED


def test_addresses_share_the_time() -> None:
    shares: list[float] = []

    def connect(address: tuple[str, int], timeout_s: float) -> socket.socket:
        shares.append(timeout_s)
        raise TimeoutError("timed out")

    settings = WebhookSettings(url=SecretStr(URL), timeout_s=20.0)
    addresses = [f"8.8.8.{number}" for number in range(4)]
    webhook = Webhook("webhook", settings, resolve=lambda host, port: addresses, connect=connect)
    attempts(webhook, "one")

    # None of them takes any time here, so later ones may have more.
    assert [share < 20.0 / (4 - tried) + 0.001 for tried, share in enumerate(shares)] == [True] * 4
    assert shares[0] > 4


def test_a_resolver_that_hangs_is_given_up() -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> Sequence[str]:
        release.wait(20)
        return [PUBLIC]

    settings = WebhookSettings(url=SecretStr(URL), timeout_s=SHORT_S)
    webhook = Webhook("webhook", settings, resolve=resolve, connect=Network().connect)

    (attempt,) = attempts(webhook, "one")
    release.set()

    assert "does not resolve" in attempt.error


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (301, Outcome.REFUSED),
        (307, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (408, Outcome.AWAY),
        (429, Outcome.AWAY),
        (500, Outcome.AWAY),
        (503, Outcome.AWAY),
    ],
)
def test_an_answer_says_what_became_of_the_message(status: int, outcome: Outcome) -> None:
    with serving(says(status, "location: http://127.0.0.1/\r\n")) as server:
        network = Network(a93_184_216_34=server)
        found = attempts(hook(network), "one", "two")

    assert [attempt.outcome for attempt in found] == [outcome] * len(found)
    assert len(found) == len(server.requests) == (1 if outcome is Outcome.AWAY else 2)
    assert {address for address, _ in network.called} == {PUBLIC}


def test_whoever_does_not_answer_is_away() -> None:
    (attempt,) = attempts(hook(Network()), "one", "two")

    assert attempt.outcome is Outcome.AWAY
    assert "nobody listens" in attempt.error


def test_nonsense_instead_of_http_is_away() -> None:
    with serving(b"SSH-2.0-nonsense\r\n\r\n") as server:
        (attempt,) = attempts(hook(Network(a93_184_216_34=server)), "one")

    assert attempt.outcome is Outcome.AWAY


@pytest.mark.parametrize("fault", [OSError("no such name"), None])
def test_a_name_that_does_not_resolve_is_away(fault: OSError | None) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        if fault is not None:
            raise fault
        return []

    settings = WebhookSettings(url=SecretStr(URL))
    webhook = Webhook("webhook", settings, resolve=resolve)

    (attempt,) = attempts(webhook, "one")

    assert "no such name" in attempt.error or "no address" in attempt.error
    webhook.close()


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://a/b", "http://", "file:///etc/passwd", "http://[", "http://a:99999"]
)
def test_urls_that_cannot_be_called_are_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        WebhookSettings(url=SecretStr(url))


def test_no_webhook_without_a_url() -> None:
    with pytest.raises(ConfigError, match=r"webhook\.url"):
        Webhook("webhook", WebhookSettings())
