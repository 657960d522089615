"""A webhook: what it posts, where it refuses to go, and what answers mean."""

from collections.abc import Callable, Sequence

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from shared.errors import ConfigError
from shared.storage.outbox import Delivery, Message
from shared.storage.relay import Attempt, Outcome
from shared.storage.webhook import Webhook, WebhookSettings

PUBLIC = "93.184.216.34"
URL = "https://hooks.example.org:8443/alerts?team=a"


def hook(
    answer: Callable[[httpx.Request], httpx.Response],
    *,
    addresses: Sequence[str] = (PUBLIC,),
    url: str = URL,
    allow_private: bool = False,
) -> Webhook:
    settings = WebhookSettings(
        url=SecretStr(url), token=SecretStr("secret"), allow_private=allow_private
    )
    return Webhook(
        "webhook",
        settings,
        resolve=lambda host, port: addresses,
        transport=httpx.MockTransport(answer),
    )


def deliveries(*keys: str) -> list[Delivery]:
    return [
        Delivery(key, Message("webhook", key, b'{"a":1}', {"idempotency-key": key}), 0)
        for key in keys
    ]


def attempts(webhook: Webhook, *keys: str) -> list[Attempt]:
    return list(webhook.send(deliveries(*keys)))


def test_it_connects_to_the_address_that_it_checked() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202)

    (attempt,) = attempts(hook(answer), "one")

    assert attempt.outcome is Outcome.DELIVERED
    (request,) = seen
    assert str(request.url) == f"https://{PUBLIC}:8443/alerts?team=a"
    assert request.headers["host"] == "hooks.example.org:8443"
    assert request.extensions["sni_hostname"] == "hooks.example.org"
    assert request.headers["idempotency-key"] == "one"
    assert request.headers["authorization"] == "Bearer secret"
    assert request.content == b'{"a":1}'


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
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError("it was called")

    (attempt,) = attempts(hook(answer, addresses=[address]), "one")

    assert attempt.outcome is Outcome.AWAY
    assert "allow_private" in attempt.error


def test_private_addresses_are_called_where_that_is_allowed() -> None:
    webhook = hook(lambda _: httpx.Response(200), addresses=["127.0.0.1"], allow_private=True)

    assert [a.outcome for a in attempts(webhook, "one", "two")] == [Outcome.DELIVERED] * 2


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
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(str(request.url))
        return httpx.Response(status, headers={"location": "http://127.0.0.1/"})

    found = attempts(hook(answer), "one", "two")

    assert [attempt.outcome for attempt in found] == [outcome] * len(found)
    assert len(found) == len(calls) == (1 if outcome is Outcome.AWAY else 2)
    assert all("127.0.0.1" not in url for url in calls)


def test_whoever_does_not_answer_is_away() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("timed out")

    (attempt,) = attempts(hook(answer), "one", "two")

    assert (attempt.outcome, attempt.error) == (Outcome.AWAY, "timed out")


def test_a_name_that_does_not_resolve_is_away() -> None:
    def fail(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    settings = WebhookSettings(url=SecretStr(URL))
    webhook = Webhook("webhook", settings, resolve=fail)

    (attempt,) = attempts(webhook, "one")

    assert "no such name" in attempt.error
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
