import inspect
import subprocess
import sys

import pytest
import ray._common.tls_utils as tls_utils
from ray.serve._private import controller
from ray.serve._private.cluster_node_info_cache import ClusterNodeInfoCache

from shared.clock import ManualClock
from shared.serving.platform import worker_setup
from shared.serving.platform.environment import RAY_ENVIRONMENT, SETUP_HOOK_VARIABLE


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
    worker_setup.listen_on_loopback()
    return Server()


def test_every_interface_becomes_loopback(server: Server) -> None:
    assert tls_utils.add_port_to_grpc_server(server, "[::]:0") == 4711  # type: ignore[no-untyped-call]
    assert server.addresses == ["127.0.0.1:0"]


def test_a_named_address_stays(server: Server) -> None:
    tls_utils.add_port_to_grpc_server(server, "10.0.0.1:9")  # type: ignore[no-untyped-call]

    assert server.addresses == ["10.0.0.1:9"]


def test_ray_is_told_of_the_hook() -> None:
    assert RAY_ENVIRONMENT[SETUP_HOOK_VARIABLE] == worker_setup.WORKER_SETUP_HOOK


def test_serve_is_imported_without_pandas() -> None:
    script = (
        "import sys\n"
        "from shared.serving.platform.worker_setup import import_serve_without_pandas as load\n"
        "load()\n"
        "assert 'ray.serve.api' in sys.modules\n"
        "print([name for name in ('pandas', 'pyarrow') if name in sys.modules])\n"
        "import pandas\n"
        "print(pandas.DataFrame({'a': [1]}).shape)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout.splitlines() == ["[]", "(1, 1)"], done.stderr


class Nodes(ClusterNodeInfoCache):
    def get_node_az(self, node_id: str) -> str | None:
        return None


class Gcs:
    def __init__(self) -> None:
        self.asked = 0

    def get_all_node_info(self, timeout: float | None) -> dict[str, object]:
        self.asked += 1
        return {}

    def get_all_resource_usage(self, timeout: float | None) -> object:
        raise TimeoutError

    def get_draining_nodes(self, timeout: float | None) -> dict[str, int]:
        return {}


def test_the_controller_asks_for_its_nodes_once_in_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ClusterNodeInfoCache, "update", ClusterNodeInfoCache.update)
    clock = ManualClock()
    worker_setup.look_for_nodes_less_often(clock)
    gcs, other = Gcs(), Gcs()
    nodes, others = Nodes(gcs), Nodes(other)

    asked = []
    for passed_s in (0.0, 0.1, 0.8, 0.2, 0.1):
        clock.advance(passed_s)
        nodes.update()  # type: ignore[no-untyped-call]
        asked.append(gcs.asked)
    others.update()  # type: ignore[no-untyped-call]

    assert asked == [1, 1, 1, 2, 2]
    assert other.asked == 1


def test_the_controllers_round_begins_with_its_nodes() -> None:
    step = inspect.getsource(controller.ServeController.run_control_loop_step)

    assert "self.cluster_node_info_cache.update()" in step
