import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from services.cli.platform.processes import (
    free_ports,
    is_free,
    kill_all,
    listening_sockets,
    memory_bytes,
    port_owner,
    processes_of,
)

NAP = "import sys, time; print('up', flush=True); time.sleep(600)"


@contextmanager
def napping(
    program: str = NAP, *arguments: str, environ: dict[str, str] | None = None
) -> Iterator[psutil.Process]:
    command = [sys.executable, "-c", program, *arguments]
    environment = {**os.environ, **(environ or {})}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def pids(processes: list[psutil.Process]) -> list[int]:
    return [process.pid for process in processes]


def test_a_marked_process_belongs_to_the_run(tmp_path: Path) -> None:
    # Of this session: another one may test beside it, or have left its own.
    ids = [f"{name}-{os.getpid()}" for name in ("one", "two")]
    with (
        napping(environ={"BANYAN_RUN_ID": ids[0]}) as one,
        napping(environ={"BANYAN_RUN_ID": ids[1]}),
    ):
        assert pids(processes_of(ids[0], tmp_path)) == [one.pid]


def test_a_process_with_a_file_in_the_run_folder_belongs_to_it(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "agent.log"
    log.parent.mkdir()
    opening = f"f = open({str(log)!r}, 'w'); {NAP}"
    with napping(opening) as process:
        assert pids(processes_of("none", tmp_path)) == [process.pid]


def test_a_process_with_a_file_beside_the_run_folder_does_not(tmp_path: Path) -> None:
    beside = tmp_path.with_name(f"{tmp_path.name}-other")
    beside.mkdir()
    with napping(f"f = open({str(beside / 'a')!r}, 'w'); {NAP}"):
        assert processes_of("none", tmp_path) == []


def test_a_process_that_names_the_run_folder_belongs_to_it(tmp_path: Path) -> None:
    with napping(NAP, f"--session-dir={tmp_path}/ray") as process:
        assert pids(processes_of("none", tmp_path)) == [process.pid]


def test_killed_processes_are_gone() -> None:
    with napping() as process:
        assert kill_all([process]) == []
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_what_is_gone_already_is_no_fault() -> None:
    with napping() as process:
        process.kill()
        process.wait()
    assert kill_all([process]) == []


def test_a_listener_is_found_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        me = psutil.Process()

        assert (me.pid, "127.0.0.1", port) in listening_sockets([me])
        assert not is_free("127.0.0.1", port)
        assert not is_free("0.0.0.0", port)
    assert is_free("127.0.0.1", port)


def test_another_process_is_named_as_the_owner_of_a_port() -> None:
    listen = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", listen]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            owner = port_owner(int(process.stdout.readline()))
        finally:
            process.kill()
    assert owner is not None
    assert f"process {process.pid} " in owner


def test_free_ports_differ() -> None:
    ports = free_ports(3)

    assert len(set(ports)) == 3
    assert all(is_free("127.0.0.1", port) for port in ports)


def test_memory_is_counted() -> None:
    assert memory_bytes(psutil.Process()) > 1024 * 1024


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_families_are_probed(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with server:
        assert not is_free(host, server.getsockname()[1])
