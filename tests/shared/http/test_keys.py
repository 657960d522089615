"""Keys: shown once, stored hashed, revoked for every replica within a second."""

from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.errors import AuthenticationError, ConfigError, NotFoundError
from shared.http.keys import Identity, KeyStore, Role


def test_without_keys_this_machine_is_the_default_tenant(tmp_path: Path) -> None:
    assert KeyStore(tmp_path / "k").authenticate(None) == Identity("default", Role.ADMIN)
    assert KeyStore(tmp_path / "k").authenticate("Bearer any") == Identity("default", Role.ADMIN)


def test_where_keys_are_required_none_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError):
        KeyStore(tmp_path / "k", required=True).authenticate(None)


def test_a_key_selects_tenant_and_role_and_is_not_stored(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    secret = store.create("shop", "acme", Role.USER)
    assert store.authenticate(f"Bearer {secret}") == Identity("acme", Role.USER)
    assert secret not in (tmp_path / "keys.json").read_text()
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic abc", "Bearer wrong"])
def test_anything_else_is_refused(tmp_path: Path, header: str | None) -> None:
    store = KeyStore(tmp_path / "keys.json")
    store.create("one")
    with pytest.raises(AuthenticationError):
        store.authenticate(header)


def test_another_process_sees_a_new_and_a_revoked_key_within_a_second(tmp_path: Path) -> None:
    clock = ManualClock()
    serving = KeyStore(tmp_path / "keys.json", clock=clock)
    writing = KeyStore(tmp_path / "keys.json")
    serving.authenticate(None)
    secret = writing.create("one")
    writing.create("two")
    clock.advance(1)
    serving.authenticate(f"Bearer {secret}")
    writing.revoke(writing.list()[0].id)
    clock.advance(1)
    with pytest.raises(AuthenticationError):
        serving.authenticate(f"Bearer {secret}")


def test_a_corrupt_file_lets_nobody_in(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}}")
    with pytest.raises(ConfigError, match="corrupt"):
        KeyStore(tmp_path / "keys.json").authenticate(None)


def test_wrong_names_and_ids_are_refused(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.json")
    with pytest.raises(ConfigError, match="tenant 'A B'"):
        store.create("x", "A B")
    with pytest.raises(NotFoundError, match="nothing"):
        store.revoke("nothing")
    assert store.is_empty()
