import pytest

from shared.errors import ConfigError
from shared.training.loop.ray_train import WorkerGroup, choose_workers
from shared.training.settings import WorkerSettings


@pytest.mark.parametrize(
    ("settings", "cpus", "gpus", "expected"),
    [
        (WorkerSettings(), 2, 0, WorkerGroup(2, gpu=False, threads=1, cpus_each=1.0)),
        (WorkerSettings(), 1, 0, WorkerGroup(2, gpu=False, threads=1, cpus_each=0.5)),
        (WorkerSettings(), 32, 4, WorkerGroup(4, gpu=True, threads=8, cpus_each=1.0)),
        (WorkerSettings(gpu=False), 32, 4, WorkerGroup(2, gpu=False, threads=16, cpus_each=1.0)),
        (WorkerSettings(count=1), 8, 0, WorkerGroup(1, gpu=False, threads=8, cpus_each=1.0)),
        (WorkerSettings(threads=3), 8, 0, WorkerGroup(2, gpu=False, threads=3, cpus_each=1.0)),
    ],
)
def test_workers_fit_the_machine(
    settings: WorkerSettings, cpus: int, gpus: int, expected: WorkerGroup
) -> None:
    assert choose_workers(settings, cpus=cpus, gpus=gpus) == expected


def test_gpus_that_are_not_there() -> None:
    with pytest.raises(ConfigError, match="3 workers need a GPU each and there are 0"):
        choose_workers(WorkerSettings(gpu=True, count=3), cpus=8, gpus=0)
