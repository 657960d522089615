"""The embedded broker as a process: where it listens, and when it ends."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.errors import DependencyError
from shared.streaming.embedded import EmbeddedBroker, answers
from shared.streaming.kafka.admin import TopicAdmin
from shared.streaming.settings import KafkaSettings
from tests.harness.waiting import wait_for


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(tmp_path / "broker.log")
    broker.start()
    yield broker
    broker.stop()


def topic_id(bootstrap: str) -> str | None:
    admin = TopicAdmin(KafkaSettings(bootstrap=bootstrap))
    try:
        view = admin.describe("news")
        return view.topic_id if view is not None else None
    finally:
        admin.close()


def test_it_listens_on_loopback_alone(broker: EmbeddedBroker) -> None:
    assert broker.pid is not None
    connections = psutil.Process(broker.pid).net_connections("inet")
    listening = [c.laddr for c in connections if c.status == psutil.CONN_LISTEN]
    assert [f"{address.ip}:{address.port}" for address in listening] == [broker.bootstrap]


def test_killed_it_comes_back_empty_on_its_port(broker: EmbeddedBroker) -> None:
    bootstrap = broker.bootstrap
    admin = TopicAdmin(KafkaSettings(bootstrap=bootstrap))
    admin.create("news")
    admin.close()
    assert topic_id(bootstrap) is not None

    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)

    wait_for(lambda: broker.starts == 2, "the broker is started again")
    assert broker.bootstrap == bootstrap
    assert topic_id(bootstrap) is None


def test_it_ends_when_it_is_stopped(broker: EmbeddedBroker) -> None:
    pid = broker.pid
    assert pid is not None
    broker.stop()
    assert broker.pid is None
    assert not psutil.pid_exists(pid)


def test_it_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    program = textwrap.dedent(
        f"""
        import pathlib, time
        from shared.streaming.embedded import EmbeddedBroker
        broker = EmbeddedBroker(pathlib.Path({str(tmp_path / "log")!r}))
        broker.start()
        print(broker.pid, flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    wait_for(lambda: ended(pid), "the broker ends", timeout_s=10)


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits only for somebody to take note."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        broker = EmbeddedBroker(tmp_path / "log", port=port)
        with pytest.raises(DependencyError, match=f"127.0.0.1:{port}.*Address in use"):
            broker.start()


def test_nobody_answers_where_nobody_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not answers("127.0.0.1", port)
