"""POST to an address that somebody configured, without becoming their way into our network.

The host is resolved once for each attempt, each of its addresses is checked, and connections go to
just these: a name that resolves differently a moment later leads nowhere. Redirects are not
followed, proxies of the environment not used. One deadline counts from the resolver to the answer.
A receiver knows us by a bearer token, as Alertmanager's receivers do: nothing is signed, so the
library `standardwebhooks`, which signs and verifies, has nothing to do here.
"""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

import httpcore
import httpx
from pydantic import Field, SecretStr, field_validator

from shared.config import Settings
from shared.delivery.outbox import Delivery
from shared.delivery.relay import Attempt, Outcome
from shared.delivery.sinks.guarded_network import (
    Connect,
    Deadline,
    GuardedNetwork,
    Resolve,
    resolve,
)
from shared.errors import ConfigError, DependencyError
from shared.failures import reason_of

_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_MAX_PORT = 65_535
_FAULTS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
_RETRIED = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class WebhookSettings(Settings):
    """Where messages are posted; without a `url` nowhere.

    `token` is sent as a bearer token. `allow_private` permits addresses that are not public, such
    as this machine's own or the cluster's. An attempt as a whole takes at most `timeout_s`.
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
    """A sink (`shared.delivery.relay.Sink`) that posts each message by itself.

    2xx is delivered. 408, 429, 5xx and whatever keeps it from getting an answer in time mean that
    the receiver is away; every other answer, a redirect too, refuses the message.
    """

    def __init__(
        self,
        name: str,
        settings: WebhookSettings,
        *,
        resolve: Resolve = resolve,
        connect: Connect = socket.create_connection,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if settings.url is None:
            raise ConfigError("webhook.url is not set: set it, or make no webhook")
        self._name = name
        self._settings = settings
        self._url = _parsed(settings.url.get_secret_value())
        self._resolve = resolve
        self._connect = connect
        self._ssl_context = ssl_context or httpcore.default_ssl_context()

    @property
    def names(self) -> tuple[str, ...]:
        """The one name it was given."""
        return (self._name,)

    @property
    def attempt_s(self) -> float:
        """The longest that an attempt takes."""
        return self._settings.timeout_s

    def send(self, deliveries: Sequence[Delivery]) -> Iterator[Attempt]:
        """See `shared.delivery.relay.Sink.send`."""
        for delivery in deliveries:
            try:
                status = self._post(delivery)
            except (DependencyError, *_FAULTS) as error:
                yield Attempt(delivery, Outcome.AWAY, _reason(error))
                return
            outcome = _outcome(status)
            said = "" if outcome is Outcome.DELIVERED else f"the receiver answered {status}"
            yield Attempt(delivery, outcome, said)
            if outcome is Outcome.AWAY:
                return

    def close(self) -> None:
        """Nothing is kept between attempts."""

    def _post(self, delivery: Delivery) -> int:
        url = self._url
        headers = {
            "content-type": "application/json",
            **_plain(delivery.message.headers),
            "host": url.netloc.decode("ascii"),
        }
        if self._settings.token is not None:
            headers["authorization"] = f"Bearer {self._settings.token.get_secret_value()}"
        network = GuardedNetwork(
            Deadline(self._settings.timeout_s),
            resolve=self._resolve,
            connect=self._connect,
            allow_private=self._settings.allow_private,
            # What takes connections and does not answer is not asked first the next time.
            first=delivery.attempts,
        )
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        with (
            httpcore.ConnectionPool(self._ssl_context, network_backend=network) as pool,
            pool.stream(
                "POST", target, headers=list(headers.items()), content=delivery.message.payload
            ) as answer,
        ):
            # The body is nobody's concern, and might never end.
            return answer.status


def _parsed(text: str) -> httpx.URL:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"not a URL: {error}") from None


def _outcome(status: int) -> Outcome:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome.DELIVERED
    away = status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Outcome.AWAY if away else Outcome.REFUSED


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: Exception) -> str:
    return reason_of(error)
