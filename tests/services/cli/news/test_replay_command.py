"""The command as a process, against the embedded broker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.streaming.embedded import EmbeddedBroker
from shared.streaming.kafka.admin import TopicAdmin
from shared.streaming.settings import KafkaSettings
from tests.harness.waiting import wait_for

BANYAN = str(Path(sys.executable).with_name("banyan"))
RECORDS = 200


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker") / "broker.log")
    yield KafkaSettings(bootstrap=broker.start())
    broker.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A record every half a second."""
    path = tmp_path / "news.jsonl"
    lines = [
        {"id": f"n{i}", "published_at": 1.7e9 + i / 2, "source": "wire", "text": "Acme gains"}
        for i in range(RECORDS)
    ]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def replay(broker: KafkaSettings, file: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "BANYAN_KAFKA_BOOTSTRAP": str(broker.bootstrap), "COLUMNS": "200"}
    command = [BANYAN, "sentiment", "replay", str(file), *arguments]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def written(broker: KafkaSettings, topic: str) -> int:
    """The records of a topic; the embedded broker names the start of a partition's last batch."""
    admin = TopicAdmin(broker)
    try:
        view = admin.describe(topic)
        return 0 if view is None else sum(admin.ends(topic, view.partitions).values())
    finally:
        admin.close()


def test_a_file_is_replayed_at_its_speed(broker: KafkaSettings, file: Path) -> None:
    with replay(broker, file, "--speed", "100x", "--topic", "fast") as process:
        said, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert f"{RECORDS} of {RECORDS} records acknowledged by the broker" in said
    assert f"{RECORDS} records of 20" in said
    assert "dated as if the last of them were of now" in said
    assert written(broker, "fast") > 0


def test_an_interrupted_replay_ends_cleanly_with_its_count(
    broker: KafkaSettings, file: Path
) -> None:
    with replay(broker, file, "--topic", "slow") as process:
        wait_for(lambda: written(broker, "slow") > 0, "some records are written", timeout_s=30)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    (line,) = [line for line in said.splitlines() if "acknowledged" in line]
    assert line.endswith("stopped by Ctrl-C")
    assert 0 < int(line.split()[0]) < RECORDS
