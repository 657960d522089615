"""The platform's processes: where they listen, and what they hold."""

import psutil
import pytest

from tests.e2e.platform import Platform

pytestmark = pytest.mark.platform

LOOPBACK = ("127.", "::1", "::ffff:127.")


def test_every_socket_is_on_loopback(platform: Platform) -> None:
    processes = platform.processes()
    listening = {
        (process.name(), connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    }

    # banyan, raylet, GCS, agents, the controller, the proxy, HAProxy and two replicas at least
    assert len(processes) >= 8
    assert platform.port in {port for _, _, port in listening}
    assert not [item for item in listening if not item[1].startswith(LOOPBACK)]


def test_a_reading_of_the_processes_sees_haproxy(platform: Platform) -> None:
    assert any("haproxy" in process.name() for process in platform.processes())


def test_only_the_trunk_holds_torch(platform: Platform) -> None:
    with_torch = []
    for process in platform.processes():
        mapped = {region.path for region in process.memory_maps(grouped=True)}
        if any("libtorch" in path for path in mapped):
            with_torch.append(" ".join(process.cmdline()))

    assert len(with_torch) == 1
    assert "Encoder" in with_torch[0]
    assert any("Support" in " ".join(p.cmdline()) for p in platform.processes())
