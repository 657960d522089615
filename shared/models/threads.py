"""What torch's libraries must be told by the environment: how threads wait, what kernels they keep.

This module holds no torch.
"""

import os

THREAD_ENVIRONMENT = {"GOMP_SPINCOUNT": "20000"}
"""Read by OpenMP when torch is imported. Its threads wait for each other in a loop, by default for
so long that batches take 3 to 10 times as long on cores that other processes use too.
"""

_KERNEL_VARIABLES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")


def share_cores() -> None:
    """Sets what is not set yet; a process that has imported torch already stays as it is."""
    _set(THREAD_ENVIRONMENT)


def bound_kernels(count: int) -> None:
    """Bounds the kernels that oneDNN keeps, before the first one is made.

    It compiles one for each shape and keeps 1,024, of about 1 MB; batches of texts have hundreds of
    shapes. A training process grew to 5 GB: with 64 it stays below 1 GB and is as fast. A trunk
    grew to 2.0 GB over 1,200 shapes: with 256 it stays at 0.9 GB, batches are as fast, and single
    texts, of whose kernels most are still there, within 5 %; with 64 they take 10 % longer.
    """
    _set(dict.fromkeys(_KERNEL_VARIABLES, str(count)))


def _set(variables: dict[str, str]) -> None:
    for name, value in variables.items():
        os.environ.setdefault(name, value)
