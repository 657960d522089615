"""A PostgreSQL cluster for one test session: made, started and removed here, as nobody."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.platform import free_port

USER = "banyan"


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL server that Debian installed; None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def cluster(bin_folder: Path) -> Iterator[str]:
    """A running cluster's SQLAlchemy URL; its files do not outlive it.

    PostgreSQL refuses to run as root, so there everything runs as `nobody`.
    """
    folder = Path(tempfile.mkdtemp(prefix="banyan-postgres-"))
    drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    prefix = drop if os.geteuid() == 0 else []
    if prefix:
        shutil.chown(folder, "nobody", "nogroup")

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(bin_folder / program), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    data = str(folder / "data")
    port = free_port()
    # Nothing here outlives a crash anyway: durability would only cost time.
    options = f"-p {port} -k {folder} -h 127.0.0.1 -c fsync=off -c synchronous_commit=off"
    try:
        run("initdb", "-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-sync")
        run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)
