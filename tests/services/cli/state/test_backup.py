import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from services.cli.platform.run_file import StateFolder
from services.cli.settings import PlatformSettings
from services.cli.state.backup import OLD_STATE, back_up, put_back, recover_cut_restore
from services.cli.state.backup_format import verify
from shared.errors import ArtifactError, ConfigError, ConflictError, DependencyError


def state_of(folder: Path) -> PlatformSettings:
    return PlatformSettings(state_dir=folder)


@pytest.fixture
def settings(tmp_path: Path) -> PlatformSettings:
    """A state folder with one of each part, and with what is not part of a backup."""
    state = tmp_path / "var"
    folders = ("models/embed/abc/manifest.json", "models/aliases.json", "indexes/kb/CURRENT")
    for name in (*folders, "rankers/default/CURRENT", "rankings/CURRENT"):
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (state / "keys.json").write_text("{}")
    (state / "keys.json").chmod(0o600)
    for name in ("support.db", "sentiment.db"):
        write_rows(state / name, 3)
    for name in ("run.json", "run.lock", "ray-token", "logs/a.log", "models/.aliases.lock"):
        path = state / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("not for a backup")
    return state_of(state)


def write_rows(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS document (id INTEGER)")
        connection.executemany("INSERT INTO document VALUES (?)", [(i,) for i in range(count)])


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM document").fetchone()
    return int(count)


def test_every_part_is_in_the_backup_and_nothing_else(
    settings: PlatformSettings, tmp_path: Path
) -> None:
    back_up(settings, tmp_path / "saved")

    assert sorted(verify(tmp_path / "saved").files) == [
        "indexes/kb/CURRENT",
        "keys.json",
        "models/aliases.json",
        "models/embed/abc/manifest.json",
        "rankers/default/CURRENT",
        "rankings/CURRENT",
        "sentiment.db",
        "support.db",
    ]


def test_a_state_folder_may_hold_files_of_any_name(
    settings: PlatformSettings, tmp_path: Path
) -> None:
    stray = settings.state_dir / "models" / "notes: of \\ 9.5.\x7f.txt"
    stray.write_text("kept")

    back_up(settings, tmp_path / "saved")
    stray.unlink()
    put_back(settings, tmp_path / "saved")

    assert stray.read_text() == "kept"


def test_a_restored_state_is_the_saved_one(settings: PlatformSettings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "saved")
    for name in ("support.db", "sentiment.db"):
        write_rows(settings.state_dir / name, 10)
    (settings.state_dir / "models" / "later").mkdir()

    put_back(settings, tmp_path / "saved")

    assert rows(settings.state_dir / "support.db") == 3
    assert rows(settings.state_dir / "sentiment.db") == 3
    assert not (settings.state_dir / "models" / "later").exists()
    assert (settings.state_dir / "keys.json").stat().st_mode & 0o777 == 0o600
    assert not (settings.state_dir / OLD_STATE).exists()
    assert (settings.state_dir / "logs" / "a.log").exists()


def test_a_backup_fits_another_state_folder(settings: PlatformSettings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "saved")

    put_back(state_of(tmp_path / "new"), tmp_path / "saved")

    assert rows(tmp_path / "new" / "support.db") == 3


def test_a_database_is_saved_while_it_is_written(
    settings: PlatformSettings, tmp_path: Path
) -> None:
    stop = threading.Event()
    path = settings.state_dir / "support.db"

    def write() -> None:
        while not stop.is_set():
            write_rows(path, 7)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        back_up(settings, tmp_path / "saved")
    finally:
        stop.set()
        writer.join()

    put_back(state_of(tmp_path / "new"), tmp_path / "saved")
    assert rows(tmp_path / "new" / "support.db") % 7 == 3


def test_a_folder_that_changes_meanwhile_is_copied_again(
    settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = settings.state_dir / "indexes" / "kb" / "CURRENT"
    changes = iter(["second", "third"])
    copytree = shutil.copytree

    def copy_and_change(source: Path, target: Path, *rest: Any, **options: Any) -> Path:
        copied: Path = copytree(source, target, *rest, **options)
        if source == settings.state_dir / "indexes" and (new := next(changes, None)):
            current.unlink()
            current.write_text(new)
        return copied

    monkeypatch.setattr(shutil, "copytree", copy_and_change)

    back_up(settings, tmp_path / "saved")

    saved = tmp_path / "saved" / "state" / "indexes" / "kb" / "CURRENT"
    assert saved.read_text() == "third"


def test_a_backup_is_never_written_over(settings: PlatformSettings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "saved")

    with pytest.raises(ArtifactError, match="exists already"):
        back_up(settings, tmp_path / "saved")


def test_a_full_disk_leaves_no_half_backup(
    settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)

    with pytest.raises(DependencyError, match="No space left"):
        back_up(settings, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["var"]


def test_an_empty_state_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to back up"):
        back_up(state_of(tmp_path / "none"), tmp_path / "saved")


@pytest.mark.parametrize("damage", ["change", "remove", "add"])
def test_a_damaged_backup_changes_nothing(
    settings: PlatformSettings, tmp_path: Path, damage: str
) -> None:
    back_up(settings, tmp_path / "saved")
    victim = tmp_path / "saved" / "state" / "models" / "aliases.json"
    if damage == "remove":
        victim.unlink()
    else:
        victim.with_name("more" if damage == "add" else victim.name).write_text("other")
    write_rows(settings.state_dir / "support.db", 1)

    with pytest.raises(ArtifactError, match=r"aliases\.json|more"):
        put_back(settings, tmp_path / "saved")
    assert rows(settings.state_dir / "support.db") == 4


def test_what_is_no_backup_is_refused(settings: PlatformSettings, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not a backup"):
        put_back(settings, tmp_path)


def test_a_running_platform_is_not_restored(settings: PlatformSettings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "saved")
    (settings.state_dir / "run.json").unlink()

    with (
        StateFolder(settings.state_dir).locked(),
        pytest.raises(ConflictError, match="runs already"),
    ):
        put_back(settings, tmp_path / "saved")


def test_a_failure_half_way_puts_the_old_state_back(
    settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(settings, tmp_path / "saved")
    write_rows(settings.state_dir / "support.db", 5)
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.parent.name == ".restoring" and self.name == "models":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)

    with pytest.raises(DependencyError, match="nothing was restored"):
        put_back(settings, tmp_path / "saved")
    assert rows(settings.state_dir / "support.db") == 8
    assert (settings.state_dir / "models" / "aliases.json").exists()
    assert not (settings.state_dir / OLD_STATE).exists()


def test_a_restore_that_was_killed_is_undone(settings: PlatformSettings) -> None:
    old = settings.state_dir / OLD_STATE
    old.mkdir()
    (settings.state_dir / "models").rename(old / "models")
    (settings.state_dir / "models").mkdir()
    (settings.state_dir / "models" / "half").touch()

    assert recover_cut_restore(settings.state_dir)
    assert not recover_cut_restore(settings.state_dir)

    assert (settings.state_dir / "models" / "aliases.json").exists()
    assert not (settings.state_dir / "models" / "half").exists()


@pytest.mark.parametrize(
    ("url", "remedy"), [("postgresql://host/db", "pg_dump"), ("sqlite:////a.db", "by itself")]
)
def test_other_databases_are_pointed_to_their_tools(
    settings: PlatformSettings, tmp_path: Path, url: str, remedy: str
) -> None:
    other = settings.model_copy(update={"database_url": SecretStr(url)})

    with pytest.raises(ConfigError, match=remedy):
        back_up(other, tmp_path / "saved")
