import os
from pathlib import Path

import psutil
import pytest

from services.cli.platform.run_file import Run, StateFolder
from services.cli.state.keys import (
    KeyFile,
    delete_key,
    find_key_file,
    key_file_of,
    make_key,
    print_keys,
)
from shared.errors import ConfigError
from shared.http.keys import KeyStore

URL = "http://127.0.0.1:8000"


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


def found(state_dir: Path, *, is_named: bool = False, elsewhere: bool = False) -> KeyFile:
    return find_key_file(state_dir, is_named=is_named, url=URL, answers=lambda _: elsewhere)


def test_the_running_platform_reads_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running(tmp_path)

    make_key(found(tmp_path, elsewhere=True), "shop", "default", "user")
    first = capsys.readouterr()
    make_key(found(tmp_path), "other", "default", "user")

    assert first.out.startswith("bny_")
    assert f"stored in {tmp_path}/keys.json; the platform at http://127.0.0.1:8123 reads it" in (
        first.err
    )
    assert "every request needs a key from then on" in first.err
    assert "needs a key" not in capsys.readouterr().err
    assert len(KeyStore(tmp_path / "keys.json").list()) == 2


def test_without_a_platform_it_is_said_that_none_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_key(found(tmp_path), "shop", "default", "user")

    said = capsys.readouterr().err
    assert f"stored in {tmp_path}/keys.json; no platform runs with this state folder" in said
    assert "from then on" not in said


def test_a_key_that_the_running_platform_would_not_read_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"another state folder .* --state-dir FOLDER"):
        found(tmp_path / "var", elsewhere=True)

    assert not (tmp_path / "var").exists()


def test_a_folder_that_somebody_named_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_key(found(tmp_path, is_named=True, elsewhere=True), "shop", "default", "user")

    assert "no platform runs with this state folder" in capsys.readouterr().err


def test_a_folder_is_named_by_option_or_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BANYAN_STATE_DIR", raising=False)
    named: list[bool] = []

    def noted(state_dir: Path, *, is_named: bool, url: str) -> KeyFile:
        named.append(is_named)
        return KeyFile(state_dir / "keys.json", None)

    monkeypatch.setattr("services.cli.state.keys.find_key_file", noted)
    assert key_file_of(None).path == tmp_path / "var" / "keys.json"
    assert key_file_of(tmp_path / "a").path == tmp_path / "a" / "keys.json"
    monkeypatch.setenv("BANYAN_STATE_DIR", str(tmp_path / "b"))
    assert key_file_of(None).path == tmp_path / "b" / "keys.json"
    assert named == [False, True, True]


def test_no_key_is_said_with_its_file_and_the_last_one_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = found(tmp_path)
    print_keys(file)
    assert f"there is no key in {tmp_path}/keys.json" in capsys.readouterr().out

    make_key(file, "shop", "default", "user")
    delete_key(file, file.store.list()[0].id)
    assert "that was the last key" in capsys.readouterr().err
