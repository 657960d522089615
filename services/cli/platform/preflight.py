"""What must be true of the machine before anything starts, each with what to do about it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil

from services.cli.platform.processes import is_free, port_owner
from services.cli.platform.run_file import SHORT_FOLDER
from services.cli.settings import HttpProxy, PlatformSettings
from shared.errors import ConfigError
from shared.http.keys import KeyStore
from shared.serving.platform.environment import refused_variables

MIN_MEMORY_BYTES = 1_500 * 1024 * 1024
MIN_DISK_BYTES = 500 * 1024 * 1024
MIN_SHARED_MEMORY_BYTES = 160 * 1024 * 1024
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
_MIB = 1024 * 1024


def check_machine(settings: PlatformSettings, environ: Mapping[str, str]) -> None:
    """Refuses to start where the platform would fail later or stand open.

    Raises:
        ConfigError: with every reason, one a line.
    """
    faults = [
        *refused_variables(environ),
        *keys_faults(settings),
        *port_faults(settings),
        *state_faults(settings.state_dir),
        *space_faults(settings.state_dir),
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def keys_faults(settings: PlatformSettings) -> list[str]:
    """Another address than loopback needs keys."""
    if settings.is_local or not KeyStore(settings.state_dir / "keys.json").is_empty():
        return []
    return [
        f"http_host {settings.http_host} can be reached from other machines and there is no key: "
        "make one with `banyan keys create NAME`, or listen on 127.0.0.1"
    ]


def port_faults(settings: PlatformSettings) -> list[str]:
    """The port must be free; who has it is named where that can be seen."""
    if is_free(settings.http_host, settings.http_port):
        return []
    owner = port_owner(settings.http_port) or "a process of another user, or an address not here"
    return [
        f"port {settings.http_port} of {settings.http_host} is taken by {owner}: "
        "end it, or choose another with BANYAN_HTTP_PORT"
    ]


def state_faults(state_dir: Path) -> list[str]:
    """The state folder must be writable."""
    probe = state_dir / f".probe-{os.getpid()}"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        return [
            f"the state folder {state_dir} cannot be written ({error.strerror}): "
            "make room or choose another with BANYAN_STATE_DIR"
        ]
    return []


def space_faults(state_dir: Path) -> list[str]:
    """Memory, shared memory and disk must hold what a small platform needs."""
    faults = []
    memory = psutil.virtual_memory().available
    if memory < MIN_MEMORY_BYTES:
        faults.append(_too_little("memory", memory, MIN_MEMORY_BYTES, "end other programs"))
    if SHARED_MEMORY.is_dir():
        shared = shutil.disk_usage(SHARED_MEMORY).free
        if shared < MIN_SHARED_MEMORY_BYTES:
            remedy = "in a container: --shm-size=512m"
            faults.append(_too_little(str(SHARED_MEMORY), shared, MIN_SHARED_MEMORY_BYTES, remedy))
    for folder in {_existing(state_dir), SHORT_FOLDER}:
        free = shutil.disk_usage(folder).free
        if free < MIN_DISK_BYTES:
            faults.append(_too_little(f"disk at {folder}", free, MIN_DISK_BYTES, "delete files"))
    return faults


def chosen_proxy(settings: PlatformSettings) -> HttpProxy:
    """HAProxy where it is installed, otherwise Serve's own proxy.

    Raises:
        ConfigError: HAProxy was asked for and is not installed.
    """
    from shared.serving.platform.haproxy_folder import haproxy_binary

    if settings.http_proxy is HttpProxy.SERVE:
        return HttpProxy.SERVE
    if haproxy_binary() is not None:
        return HttpProxy.HAPROXY
    if settings.http_proxy is HttpProxy.HAPROXY:
        raise ConfigError(
            "BANYAN_HTTP_PROXY is haproxy, and there is no HAProxy wheel for this system: "
            "set it to serve"
        )
    return HttpProxy.SERVE


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _too_little(what: str, there: int, needed: int, remedy: str) -> str:
    return f"{what}: {there // _MIB} MiB free, {needed // _MIB} MiB needed: {remedy}"
