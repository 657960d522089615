"""Becomes the program it is told to run, which the kernel then kills when its parent is gone.

    python -I -S embedded_child.py PARENT_PID PROGRAM [ARGUMENT ...]

It runs as a file, without the project on its path, so it imports the standard library only.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str]) -> None:
    """Ties this process to the thread that started it, then becomes the program; Linux only."""
    parent, program = int(arguments[0]), list(arguments[1:])
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:
            raise SystemExit("the parent ended meanwhile")
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
