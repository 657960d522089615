"""How many threads a batch should be computed with."""

import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(cpus: Path = _CPUS, quota: Path = _QUOTA) -> int:
    """Physical cores that this process may use: at least 1.

    Counted from its affinity, two threads of one core once, and bounded by a container's quota.
    Matrix products gain nothing from a core's second thread.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if allowed is None:
        return max(1, (os.cpu_count() or 2) // 2)
    cores = {_siblings(cpus, cpu) for cpu in allowed}
    return max(1, min(len(cores), _quota_cores(quota)))


def _siblings(cpus: Path, cpu: int) -> str:
    try:
        return (cpus / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _quota_cores(quota: Path) -> int:
    """Whole cores of the container's quota; without one, more than any machine has."""
    try:
        limit, period = quota.read_text().split()
    except (OSError, ValueError):
        return 1 << 20
    return 1 << 20 if limit == "max" else int(limit) // int(period)
