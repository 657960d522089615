"""The platform's processes: where they listen, and what they hold."""

import psutil
import pytest

from tests.harness.platform import Platform, command_of, connections_of, name_of

pytestmark = pytest.mark.platform

LOOPBACK = ("127.", "::1", "::ffff:127.")


def test_every_socket_is_on_loopback(platform: Platform) -> None:
    processes = platform.processes()
    listening = {
        (name_of(process), connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in connections_of(process, "inet")
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    }

    # banyan, raylet, GCS, agents, the controller, the proxy, HAProxy and two replicas at least
    assert len(processes) >= 8
    assert platform.port in {port for _, _, port in listening}
    assert not [item for item in listening if not item[1].startswith(LOOPBACK)]


def test_a_reading_of_the_processes_sees_haproxy(platform: Platform) -> None:
    assert any("haproxy" in name_of(process) for process in platform.processes())


def test_only_the_trunk_holds_torch(platform: Platform) -> None:
    with_torch = []
    for process in platform.processes():
        try:
            mapped = {region.path for region in process.memory_maps(grouped=True)}
        except psutil.NoSuchProcess:
            continue
        if any("libtorch" in path for path in mapped):
            with_torch.append(command_of(process))

    assert len(with_torch) == 1
    assert "Encoder" in with_torch[0]
    assert any("Support" in command_of(p) for p in platform.processes())


def test_ray_starts_no_server_of_its_dashboard(platform: Platform) -> None:
    commands = [command_of(process) for process in platform.processes()]

    assert any("raylet" in command for command in commands)
    assert not [c for c in commands if "dashboard.py" in c or "log_monitor" in c]


def test_only_the_trunk_may_hold_pandas(platform: Platform) -> None:
    serve = [p for p in platform.processes() if command_of(p).startswith("ray::")]
    with_pandas = [
        command_of(process)
        for process in serve
        if any("/pandas/" in region.path for region in process.memory_maps(grouped=True))
    ]

    assert len(serve) >= 6
    assert [command for command in with_pandas if "Encoder" not in command] == []
