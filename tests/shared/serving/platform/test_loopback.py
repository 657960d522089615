import pytest
import ray._common.tls_utils as tls_utils

from shared.serving.platform import loopback
from shared.serving.platform.environment import SETUP_HOOK_VARIABLE, ray_environment


class Server:
    def __init__(self) -> None:
        self.addresses: list[str] = []

    def add_insecure_port(self, address: str) -> int:
        self.addresses.append(address)
        return 4711


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    # Set before the hook replaces it, so that the test's end puts the original back.
    monkeypatch.setattr(tls_utils, "add_port_to_grpc_server", tls_utils.add_port_to_grpc_server)
    loopback.listen_on_loopback()
    return Server()


def test_every_interface_becomes_loopback(server: Server) -> None:
    assert tls_utils.add_port_to_grpc_server(server, "[::]:0") == 4711  # type: ignore[no-untyped-call]
    assert server.addresses == ["127.0.0.1:0"]


def test_a_named_address_stays(server: Server) -> None:
    tls_utils.add_port_to_grpc_server(server, "10.0.0.1:9")  # type: ignore[no-untyped-call]

    assert server.addresses == ["10.0.0.1:9"]


def test_ray_is_told_of_the_hook() -> None:
    assert ray_environment()[SETUP_HOOK_VARIABLE] == loopback.WORKER_SETUP_HOOK
