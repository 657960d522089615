"""POST to an address that somebody configured, without becoming their way into our network.

The host is resolved once for each attempt, what it resolved to is checked, and the connection goes
to just that address: a name that resolves differently a moment later leads nowhere. Redirects are
not followed, proxies of the environment not used.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus

import httpx
from pydantic import Field, SecretStr, field_validator

from shared.config import Settings
from shared.errors import ConfigError, DependencyError
from shared.storage.outbox import Delivery
from shared.storage.relay import Attempt, Outcome

Resolve = Callable[[str, int], Sequence[str]]
"""A host's addresses, the preferred one first; raises `OSError`."""

_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_MAX_PORT = 65_535
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_RETRIED = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class WebhookSettings(Settings):
    """Where messages are posted; without a `url` nowhere.

    `token` is sent as a bearer token. `allow_private` permits addresses that are not public, such
    as this machine's own or the cluster's.
    """

    url: SecretStr | None = None
    token: SecretStr | None = None
    allow_private: bool = False
    timeout_s: float = Field(5.0, gt=0, le=30)

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            url = _parsed(value.get_secret_value())
            known = url.scheme in ("http", "https") and _HOST.fullmatch(url.host)
            if not known or (url.port or 1) > _MAX_PORT:
                raise ValueError("expected a URL such as https://alerts.example.org/hook")
        return value


class Webhook:
    """A sink (`shared.storage.relay.Sink`) that posts each message by itself.

    2xx is delivered. 408, 429, 5xx and whatever keeps it from getting an answer mean that the
    receiver is away; every other answer, a redirect too, refuses the message.
    """

    def __init__(
        self,
        name: str,
        settings: WebhookSettings,
        *,
        resolve: Resolve | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if settings.url is None:
            raise ConfigError("webhook.url is not set: set it, or make no webhook")
        self._name = name
        self._settings = settings
        self._url = _parsed(settings.url.get_secret_value())
        self._resolve = resolve or _resolve
        self._client = httpx.Client(
            timeout=settings.timeout_s,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The one name it was given."""
        return (self._name,)

    def send(self, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
        """See `shared.storage.relay.Sink.send`."""
        for delivery in deliveries:
            try:
                status = self._post(delivery)
            except (DependencyError, httpx.HTTPError, OSError) as error:
                yield Attempt(delivery, Outcome.AWAY, _reason(error))
                return
            outcome = _outcome(status)
            said = "" if outcome is Outcome.DELIVERED else f"the receiver answered {status}"
            yield Attempt(delivery, outcome, said)
            if outcome is Outcome.AWAY:
                return

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _post(self, delivery: Delivery) -> int:
        url = self._url
        address = self._address(url.host, url.port or (443 if url.scheme == "https" else 80))
        headers = {
            "content-type": "application/json",
            **_plain(delivery.message.headers),
            "host": url.netloc.decode("ascii"),
        }
        if self._settings.token is not None:
            headers["authorization"] = f"Bearer {self._settings.token.get_secret_value()}"
        with self._client.stream(
            "POST",
            url.copy_with(host=address),
            content=delivery.message.payload,
            headers=headers,
            # The certificate is the name's, not the address's.
            extensions={"sni_hostname": url.host},
        ) as answer:
            # The body is nobody's concern, and might never end.
            return answer.status_code

    def _address(self, host: str, port: int) -> str:
        try:
            addresses = self._resolve(host, port)
        except OSError as error:
            raise DependencyError(f"the webhook's host does not resolve: {error}") from error
        if not addresses:
            raise DependencyError("the webhook's host resolves to no address")
        address = addresses[0]
        if not self._settings.allow_private and not _is_public(address):
            raise DependencyError(
                f"the webhook's host resolves to {address}, which is no public address: name "
                "another one, or set webhook.allow_private"
            )
        return address


def _parsed(text: str) -> httpx.URL:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"not a URL: {error}") from None


def _resolve(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # Private addresses in the clothes of version 6.
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None and not inner.is_global:
            return False
    return address.is_global and not address.is_multicast


def _outcome(status: int) -> Outcome:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome.DELIVERED
    away = status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Outcome.AWAY if away else Outcome.REFUSED


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
