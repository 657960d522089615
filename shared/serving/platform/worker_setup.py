"""What each of Ray's workers, and the driver, does before it imports Ray Serve."""

import sys
from typing import Any

import ray._common.tls_utils as tls_utils

from shared.clock import Clock, SystemClock

WORKER_SETUP_HOOK = f"{__name__}.set_up_worker"
"""Where Ray's workers find the hook; it runs first in each of them."""

_EVERYWHERE = "[::]:"
_NODES_S = 1.0


def set_up_worker() -> None:
    """Keeps Serve's internal gRPC servers on this machine, and what it costs while idle small."""
    listen_on_loopback()
    import_serve_without_pandas()
    look_for_nodes_less_often()


def listen_on_loopback() -> None:
    """Binds the gRPC server of every replica to 127.0.0.1.

    Serve writes `[::]:0` in its source and has no option for it. The function is replaced where it
    is defined, which must happen before Serve's modules import it by name.
    """
    add_port = tls_utils.add_port_to_grpc_server

    def add_loopback_port(server: Any, address: str) -> int:
        if address.startswith(_EVERYWHERE):
            address = f"127.0.0.1:{address.removeprefix(_EVERYWHERE)}"
        return int(add_port(server, address))  # type: ignore[no-untyped-call]

    tls_utils.add_port_to_grpc_server = add_loopback_port


def import_serve_without_pandas() -> None:
    """Imports Serve as where there is no pandas, which it takes if it can.

    It would write data frames as JSON by it, and no application answers with one; to import it
    takes 30 MiB and 0.5 s of each process. Whoever imports pandas later gets it.
    """
    if "pandas" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        import ray.serve  # noqa: F401
    finally:
        del sys.modules["pandas"]


def look_for_nodes_less_often(clock: Clock | None = None) -> None:
    """Lets Serve's controller ask Ray for its nodes every second instead of ten times in one.

    Each of the controller's rounds asks three questions, a third of what it computes and most of
    what Ray's control store (GCS) does; a run has one node for ever.
    `RAY_SERVE_CONTROL_LOOP_INTERVAL_S` would make all else later as well.
    """
    from ray.serve._private.cluster_node_info_cache import ClusterNodeInfoCache

    update = ClusterNodeInfoCache.update
    measured = clock or SystemClock()
    asked_at_s: dict[int, float] = {}

    def update_when_due(self: ClusterNodeInfoCache) -> None:
        now_s = measured.monotonic()
        if now_s - asked_at_s.get(id(self), -_NODES_S) >= _NODES_S:
            update(self)  # type: ignore[no-untyped-call]
            asked_at_s[id(self)] = now_s

    ClusterNodeInfoCache.update = update_when_due  # type: ignore[method-assign]
