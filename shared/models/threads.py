"""How a model's threads wait for each other; it must be said before torch is imported.

This module holds no torch.
"""

import os

THREAD_ENVIRONMENT = {"GOMP_SPINCOUNT": "20000"}
"""Read by OpenMP when torch is imported. Its threads wait for each other in a loop, by default for
so long that batches take 3 to 10 times as long on cores that other processes use too.
"""


def share_cores() -> None:
    """Sets what is not set yet; a process that has imported torch already stays as it is."""
    for name, value in THREAD_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
