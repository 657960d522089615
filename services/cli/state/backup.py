"""`banyan backup` and `restore`: the state of a platform in one verified folder.

DIR/state/       keys.json, *.db, models/, indexes/, rankers/, rankings/, confidence/ as they lie
                 in the state folder
DIR/backup.json  the SHA-256 of every file; written last, so that half a backup is none
"""

import shutil
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import StateDir, platform_settings
from services.cli.platform.run_file import StateFolder
from shared.errors import ArtifactError, ConfigError, DependencyError
from shared.files import new_folder

if TYPE_CHECKING:
    from services.cli.settings import PlatformSettings

OLD_STATE = ".before-restore"
"""Where a restore keeps the present state until the restored one is in its place."""

_KEYS = "keys.json"
_FOLDERS = ("confidence", "indexes", "models", "rankers", "rankings")
_ATTEMPTS = 20
_SQLITE_WAIT_S = 10.0


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")],
    state_dir: StateDir = None,
) -> None:
    """Copy databases, bundles, rankers, indexes and keys consistently; the platform may run."""
    typer.echo(back_up(platform_settings(state_dir), folder))


def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `banyan backup` made.")],
    state_dir: StateDir = None,
) -> None:
    """Put a backup back in place of the present state; the platform must not run."""
    typer.echo(put_back(platform_settings(state_dir), folder))


def back_up(settings: "PlatformSettings", folder: Path) -> str:
    """Copies the state into a new folder, also while the platform writes; returns what was done.

    Indexes are copied before the databases that they are made from: an index that is behind its
    database catches up at start. A database is copied as of one moment.

    Raises:
        ConfigError: the database is PostgreSQL, which has its own tool for this.
        ArtifactError: the folder exists already.
        DependencyError: the state cannot be read, or the copy not be written.
    """
    import sqlite3
    from importlib.metadata import version

    from services.cli.state.backup_format import MANIFEST, STATE, BackupManifest
    from shared.artifacts.manifest import hash_files

    _refuse_other_database(settings)
    state_dir = settings.state_dir
    if not _parts(state_dir):
        raise ConfigError(f"the state folder {state_dir} holds nothing to back up")
    try:
        with new_folder(folder) as aside:
            copy = aside / STATE
            copy.mkdir()
            for name in _FOLDERS:
                _copy_still(state_dir / name, copy / name)
            if (state_dir / _KEYS).is_file():
                shutil.copy2(state_dir / _KEYS, copy / _KEYS)
            for database in _databases(state_dir):
                _copy_database(database, copy / database.name)
            manifest = BackupManifest(
                created_at=datetime.now(UTC), banyan=version("banyan"), files=hash_files(copy, "")
            )
            (aside / MANIFEST).write_text(manifest.model_dump_json(indent=2), "utf-8")
    except (OSError, sqlite3.Error) as error:
        raise DependencyError(f"the backup was not made: {error}") from error
    return f"{len(manifest.files)} files of {state_dir} are in {folder}"


def put_back(settings: "PlatformSettings", folder: Path) -> str:
    """Puts a backup in the place of the state, whole or not at all; returns what was done.

    Raises:
        ArtifactError: the folder is not a backup, or is damaged; nothing was changed.
        ConflictError: the platform runs.
        DependencyError: the disk is full or cannot be written; the old state was put back.
    """
    from services.cli.state.backup_format import STATE, verify
    from shared.artifacts.manifest import hash_files

    _refuse_other_database(settings)
    manifest = verify(folder)
    state = StateFolder(settings.state_dir)
    with state.locked():
        aside = settings.state_dir / ".restoring"
        try:
            shutil.rmtree(aside, ignore_errors=True)
            shutil.copytree(folder / STATE, aside)
            if hash_files(aside, "") != manifest.files:
                raise ArtifactError(f"{folder} changed while it was read: nothing was restored")
            _swap(settings.state_dir, aside)
        except OSError as error:
            raise DependencyError(f"nothing was restored: {error}") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    made = f"{manifest.created_at:%Y-%m-%d %H:%M} UTC"
    return f"{len(manifest.files)} files of the backup of {made} are in {settings.state_dir}"


def recover_cut_restore(state_dir: Path) -> bool:
    """Puts the old state back where a restore was killed half-way; the caller holds the lock."""
    old = state_dir / OLD_STATE
    if not old.is_dir():
        return False
    _put_back(state_dir, old)
    return True


def _swap(state_dir: Path, restored: Path) -> None:
    """Moves the old state aside and the new one in; a failure puts the old one back."""
    recover_cut_restore(state_dir)
    old = state_dir / OLD_STATE
    old.mkdir()
    try:
        for part in _parts(state_dir):
            part.rename(old / part.name)
        for part in sorted(restored.iterdir()):
            part.rename(state_dir / part.name)
    except BaseException:
        _put_back(state_dir, old)
        raise
    shutil.rmtree(old)


def _put_back(state_dir: Path, old: Path) -> None:
    for part in sorted(old.iterdir()):
        present = state_dir / part.name
        if present.is_dir():
            shutil.rmtree(present)
        part.replace(present)
    old.rmdir()


def _parts(state_dir: Path) -> list[Path]:
    """What of the state folder a backup holds; beside databases the files that SQLite adds."""
    named = [state_dir / name for name in (_KEYS, *_FOLDERS)]
    databases = _databases(state_dir)
    added = [d.with_name(d.name + end) for d in databases for end in ("-wal", "-shm", "-journal")]
    return [path for path in (*named, *databases, *added) if path.exists()]


def _databases(state_dir: Path) -> list[Path]:
    return sorted(state_dir.glob("*.db"))


def _copy_database(source: Path, target: Path) -> None:
    """SQLite's online backup: the writer goes on, and the copy is of one moment."""
    import sqlite3

    uri = f"{source.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=_SQLITE_WAIT_S)) as reader,
        closing(sqlite3.connect(target)) as writer,
    ):
        reader.backup(writer)
        (fault,) = writer.execute("PRAGMA quick_check").fetchone()
    if fault != "ok":
        raise ArtifactError(f"the database {source} is damaged: {fault}")


def _copy_still(source: Path, target: Path) -> None:
    """Copies a folder in which files are only ever replaced whole, as of a moment when none was."""
    changed: OSError | None = None
    for _ in range(_ATTEMPTS):
        before = _listing(source)
        try:
            if before:
                shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*", "*.lock"))
        except (shutil.Error, FileNotFoundError) as error:
            changed = error
        else:
            if _listing(source) == before:
                return
            changed = None
        shutil.rmtree(target, ignore_errors=True)
    raise DependencyError(f"{source} changes faster than it is copied: {changed or 'try again'}")


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    listing = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            listing[str(path)] = (status.st_mtime_ns, status.st_ino)
    return listing


def _refuse_other_database(settings: "PlatformSettings") -> None:
    if settings.database_url is None:
        return
    if settings.database_url.get_secret_value().startswith("postgres"):
        raise ConfigError(
            "the database is PostgreSQL: copy it with pg_dump and pg_restore, then unset "
            "BANYAN_DATABASE_URL for this command to copy keys, bundles and indexes"
        )
    raise ConfigError(
        "BANYAN_DATABASE_URL names a database outside the state folder: copy it by itself, "
        "then unset BANYAN_DATABASE_URL for this command"
    )
