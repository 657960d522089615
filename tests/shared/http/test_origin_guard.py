"""Which requests a platform without keys takes, as browsers, programs and probes send them."""

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from shared.clock import ManualClock
from shared.http.keys import KeyStore
from shared.http.origin_guard import OriginGuard

HERE = "127.0.0.1:8000"
PAGES = {"BANYAN_HTTP_HOSTS": "banyan.test,fd00::7", "BANYAN_HTTP_ORIGINS": "https://console.test"}


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys.json", clock=ManualClock())


def status(
    keys: KeyStore, *, method: str = "POST", path: str = "/support/search", **headers: str
) -> int | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    refused = OriginGuard.of(keys, PAGES).refusal(method, path, Headers(named))
    return None if refused is None else int(refused[0])


@pytest.mark.parametrize(
    "host",
    [
        HERE,
        "127.0.0.1",
        "127.8.9.10:1",
        "localhost:8000",
        "LOCALHOST:9000",
        "[::1]:8000",
        "banyan.test",
        "Banyan.Test:8000",
        "[fd00::7]:8000",
    ],
)
def test_the_platform_answers_by_its_names(keys: KeyStore, host: str) -> None:
    assert status(keys, host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.test:8000",
        "evil.test",
        "127.0.0.1.evil.test:8000",
        "localhost.evil.test",
        "localhost@evil.test",
        "evil.test:80@localhost",
        "192.168.1.9:8000",
        "0.0.0.0:8000",
        "[fd00::8]",
        "127.0.0.1:8000:9",
        "127.0.0.1/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_and_by_no_other(keys: KeyStore, method: str, host: str) -> None:
    assert status(keys, method=method, host=host) == 421
    assert status(keys, method=method, host=host, origin=f"http://{host}") == 421


def test_a_probe_need_not_know_the_name(keys: KeyStore) -> None:
    for path in ("/-/healthz", "/support/healthz"):
        assert status(keys, method="GET", path=path, host="10.0.0.7:8000") is None
    assert status(keys, method="GET", path="/support/readyz", host="10.0.0.7:8000") == 421
    # A document, a user or an item may be called so.
    book = "/support/knowledge-bases/shop/documents/healthz"
    assert status(keys, method="PUT", path=book, host="evil.test") == 421
    assert status(keys, method="GET", path=book, host="evil.test") == 421
    assert status(keys, method="POST", path="/support/healthz", host="evil.test") == 421
    # HAProxy's own checks are HTTP/1.0.
    assert status(keys, method="GET", path="/-/healthz") is None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8000", HERE),
        ("http://localhost:8000", HERE),
        ("http://[::1]:8000", "localhost:8000"),
        ("https://banyan.test", "banyan.test"),
        ("https://console.test", HERE),
    ],
)
def test_its_own_pages_and_those_that_are_listed_may_call(
    keys: KeyStore, origin: str, host: str
) -> None:
    assert status(keys, host=host, origin=origin, sec_fetch_site="same-origin") is None


def test_a_listed_page_may_be_of_another_site(keys: KeyStore) -> None:
    listed = "https://console.test"
    assert status(keys, host=HERE, origin=listed, sec_fetch_site="cross-site") is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.test",
        "http://127.0.0.1:3000",
        "http://localhost",
        "http://127.0.0.1:8000.evil.test",
        "http://evil.test:8000",
        "https://console.test:444",
        "null",
        "file://",
        "chrome-extension://abc",
        "127.0.0.1:8000",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_a_page_of_a_stranger_may_not(keys: KeyStore, method: str, origin: str) -> None:
    assert status(keys, method=method, host=HERE, origin=origin) == 403
    assert status(keys, method=method, origin=origin) == 403


def test_nor_without_an_origin(keys: KeyStore) -> None:
    assert status(keys, host=HERE, sec_fetch_site="cross-site") == 403
    assert status(keys, method="GET", host=HERE, sec_fetch_site="Cross-Site") == 403
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert status(keys, method="GET", host=HERE, sec_fetch_dest="iframe", **visit) == 403
    assert status(keys, method="POST", host=HERE, sec_fetch_dest="document", **visit) == 403


def test_a_link_may_be_followed(keys: KeyStore) -> None:
    visit = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert status(keys, method="GET", host=HERE, sec_fetch_site="cross-site", **visit) is None


def test_where_keys_are_needed_they_are_enough(keys: KeyStore, tmp_path: Path) -> None:
    strange = {"host": "evil.test", "origin": "https://evil.test"}
    assert status(keys, **strange) == 421
    assert status(KeyStore(tmp_path / "none.json", required=True), **strange) is None

    keys.create("one")
    assert status(KeyStore(tmp_path / "keys.json"), **strange) is None


def test_a_corrupt_file_of_keys_is_left_to_the_application(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")

    assert status(KeyStore(tmp_path / "keys.json"), host=HERE) is None


@pytest.mark.parametrize("name", ["host", "origin"])
def test_the_sentence_names_the_value_and_the_remedy(keys: KeyStore, name: str) -> None:
    value = "http://" + "e" * 5000 if name == "origin" else "e" * 5000
    refused = OriginGuard(keys).refusal("GET", "/", Headers({"host": HERE, name: value}))

    assert refused is not None
    assert "eeee" in refused[1]
    assert len(refused[1]) < 400
    assert f"BANYAN_HTTP_{name.upper()}S" in refused[1]
