"""Keeps Ray Serve's internal gRPC servers on this machine."""

from typing import Any

import ray._common.tls_utils as tls_utils

WORKER_SETUP_HOOK = f"{__name__}.listen_on_loopback"
"""Where Ray's workers find the hook."""

_EVERYWHERE = "[::]:"


def listen_on_loopback() -> None:
    """Binds the gRPC server of every replica to 127.0.0.1; runs first in each of Ray's workers.

    Serve writes `[::]:0` in its source and has no option for it. The function is replaced where it
    is defined, which must happen before Serve's modules import it by name.
    """
    add_port = tls_utils.add_port_to_grpc_server

    def add_loopback_port(server: Any, address: str) -> int:
        if address.startswith(_EVERYWHERE):
            address = f"127.0.0.1:{address.removeprefix(_EVERYWHERE)}"
        return int(add_port(server, address))  # type: ignore[no-untyped-call]

    tls_utils.add_port_to_grpc_server = add_loopback_port
