"""A platform of sleeping processes under the real supervisor, for `test_supervisor`.

    python -m tests.services.cli.platform.supervised FOLDER BEHAVIOUR

Writes each process's number to a file in FOLDER: `up`, `guard`, `driver`, `child`, `orphan`.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from services.cli.platform.supervisor import supervise

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def note(folder: Path, name: str, pid: int) -> None:
    aside = folder / f".{name}"
    aside.write_text(str(pid))
    aside.rename(folder / name)


def drive(folder: Path, behaviour: str) -> int:
    note(folder, "guard", os.getppid())
    note(folder, "child", subprocess.Popen(SLEEP).pid)
    # A daemon: its parent ends at once, and its session is its own.
    quiet = "stdout=subprocess.DEVNULL"
    daemon = f"import subprocess, sys; print(subprocess.Popen(sys.argv[1:], {quiet}).pid)"
    started = subprocess.run(
        [sys.executable, "-c", daemon, *SLEEP],
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=True,
        text=True,
    )
    note(folder, "orphan", int(started.stdout.split()[0]))
    if behaviour == "fail":
        return 1
    if behaviour == "raise":
        raise RuntimeError("on purpose")
    stopped: list[int] = []
    if behaviour != "stubborn":
        signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(folder, "driver", os.getpid())
    while not stopped:
        time.sleep(0.01)
    note(folder, "orderly", 1)
    return 0


def main(folder: Path, behaviour: str) -> int:
    note(folder, "up", os.getpid())
    return supervise(lambda: drive(folder, behaviour), (folder / "cleaned").touch)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
