import os
from pathlib import Path

import psutil
import pytest

from services.cli.platform.run_file import Run, StateFolder
from services.cli.state import keys
from shared.errors import ConfigError
from shared.http.keys import KeyStore


def running(state_dir: Path) -> Run:
    """A platform with this state folder: the process of the test."""
    run = Run(
        id="1",
        pid=os.getpid(),
        started_at=psutil.Process().create_time(),
        url="http://127.0.0.1:8123",
        run_dir=state_dir,
        ports={},
        applications={},
    )
    StateFolder(state_dir).write_run(run)
    return run


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a command that nobody gives one; no platform answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BANYAN_STATE_DIR", raising=False)
    monkeypatch.setattr(keys, "_answers", lambda _url: False)
    return tmp_path / "var"


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform answers, which has another state folder."""
    monkeypatch.setattr(keys, "_answers", lambda _url: True)


@pytest.mark.usefixtures("elsewhere")
def test_the_running_platform_reads_the_key(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running(state_dir)

    keys.create("shop")
    first = capsys.readouterr()
    keys.create("other")

    assert first.out.startswith("bny_")
    assert f"stored in {state_dir}/keys.json; the platform at http://127.0.0.1:8123 reads it" in (
        first.err
    )
    assert "every request needs a key from then on" in first.err
    assert "needs a key" not in capsys.readouterr().err
    assert len(KeyStore(state_dir / "keys.json").list()) == 2


def test_without_a_platform_it_is_said_that_none_reads_it(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.create("shop")

    said = capsys.readouterr().err
    assert f"stored in {state_dir}/keys.json; no platform runs with this state folder" in said
    assert "from then on" not in said


@pytest.mark.usefixtures("elsewhere")
def test_a_key_that_the_running_platform_would_not_read_is_not_made(state_dir: Path) -> None:
    with pytest.raises(ConfigError, match=r"another state folder .* --state-dir FOLDER"):
        keys.create("shop")

    assert not state_dir.exists()


@pytest.mark.usefixtures("elsewhere")
def test_a_folder_that_somebody_named_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.create("shop", state_dir=tmp_path / "a")
    monkeypatch.setenv("BANYAN_STATE_DIR", str(tmp_path / "b"))
    keys.create("shop")

    said = capsys.readouterr().err
    for folder in ("a", "b"):
        assert f"{tmp_path}/{folder}/keys.json; no platform runs with this state folder" in said
        assert not KeyStore(tmp_path / folder / "keys.json").is_empty()


def test_no_key_is_said_with_its_file_and_the_last_one_too(
    state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys.show()
    assert f"there is no key in {state_dir}/keys.json" in capsys.readouterr().out

    keys.create("shop")
    keys.revoke(KeyStore(state_dir / "keys.json").list()[0].id)
    assert "that was the last key" in capsys.readouterr().err
