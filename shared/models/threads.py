"""What torch's libraries must be told by the environment: how threads wait, what kernels they keep.

This module holds no torch.
"""

import os

THREAD_ENVIRONMENT = {"GOMP_SPINCOUNT": "20000"}
"""Read by OpenMP when torch is imported. Its threads wait for each other in a loop, by default for
so long that batches take 3 to 10 times as long on cores that other processes use too.
"""

_KERNEL_ENVIRONMENT = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}


def share_cores() -> None:
    """Sets what is not set yet; a process that has imported torch already stays as it is."""
    _set(THREAD_ENVIRONMENT)


def bound_kernels() -> None:
    """Bounds the kernels that oneDNN keeps, before the first one is made.

    It compiles one for each shape and keeps 1,024, of about 1 MB. Batches of texts have hundreds
    of shapes: a training process grew to 5 GB. With 64 it stays below 1 GB and is as fast.
    """
    _set(_KERNEL_ENVIRONMENT)


def _set(variables: dict[str, str]) -> None:
    for name, value in variables.items():
        os.environ.setdefault(name, value)
