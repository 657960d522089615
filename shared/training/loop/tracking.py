"""A run's curves for people: TensorBoard's files, and Weights & Biases where it is configured.

They are written by the process that started the run, from the position that the first worker
writes: workers need neither a network nor a library for it, and are not kept waiting.
"""

import contextlib
import importlib
import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from shared.errors import DependencyError
from shared.training.loop.progress import Follower, Position
from shared.training.settings import FinetuneSettings, TrackingSettings, WandbSettings

_LOGGER = logging.getLogger(__name__)


class Tracker(Protocol):
    """A place for curves."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Adds a point to each named curve; `step` is how many examples were seen."""

    def close(self) -> None:
        """Writes what is left."""


class TensorBoard:
    """TensorBoard's event files; `tensorboard --logdir FOLDER` shows them."""

    def __init__(self, folder: Path) -> None:
        # TensorBoard takes a second to import, and not every run wants it.
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See `Tracker`."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """See `Tracker`."""
        self._writer.close()


class WeightsAndBiases:
    """A run of Weights & Biases; a resumed run here is a resumed run there."""

    def __init__(
        self, settings: WandbSettings, folder: Path, name: str, config: Mapping[str, object]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = importlib.import_module("wandb").init(
            project=settings.project,
            mode=settings.mode,
            dir=str(folder),
            id=name,
            name=name,
            resume="allow",
            config=dict(config),
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        """See `Tracker`."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """See `Tracker`."""
        self._run.finish()


def check_tracking(settings: TrackingSettings) -> None:
    """Fails before anything is trained where a library is missing.

    Raises:
        DependencyError: Weights & Biases is configured and not installed.
    """
    if settings.wandb is not None and importlib.util.find_spec("wandb") is None:
        raise DependencyError(
            "tracking.wandb: the package wandb is not installed: pip install wandb, or leave "
            "tracking.wandb out"
        )


@contextlib.contextmanager
def tracked(settings: FinetuneSettings, name: str) -> Iterator[Follower]:
    """Yields what follows the run `name` and tells every configured tracker of it.

    A tracker that fails is told no more, with a warning: the training goes on.
    """
    folder = settings.state_dir / "tracking" / settings.task
    trackers: list[Tracker] = []
    if settings.tracking.tensorboard:
        trackers.append(TensorBoard(folder / name))
    if settings.tracking.wandb is not None:
        config = settings.model_dump(mode="json")
        trackers.append(WeightsAndBiases(settings.tracking.wandb, folder, name, config))
    following = _Following(trackers)
    try:
        yield following
    finally:
        following.close()


class _Following:
    """Turns positions into points, each told once."""

    def __init__(self, trackers: list[Tracker]) -> None:
        self._trackers = trackers
        self._told: list[Tracker] = list(trackers)
        self._step = 0
        self._epochs = 0

    def __call__(self, position: Position) -> None:
        for values, step in self._points(position):
            for tracker in list(self._told):
                self._try(tracker, partial(tracker.log, values, step))

    def close(self) -> None:
        """Closes every tracker, also those that have failed."""
        for tracker in self._trackers:
            self._try(tracker, tracker.close)

    def _try(self, tracker: Tracker, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            # Of a library and its network: no reason to stop a training.
            _LOGGER.warning("tracking by %s ends: %s", type(tracker).__name__, error)
            if tracker in self._told:
                self._told.remove(tracker)

    def _points(self, position: Position) -> Iterator[tuple[dict[str, float], int]]:
        for score in position.finished[self._epochs :]:
            values = {f"dev/{name}": value for name, value in score.metrics.items()}
            values["train/epoch_loss"] = score.train_loss
            yield values, (score.epoch + 1) * position.examples
        self._epochs = len(position.finished)
        step = position.epoch * position.examples + position.seen
        # At an epoch's end there is nothing new but what is told above.
        if position.seen and step != self._step:
            self._step = step
            names = ("loss", "learning_rate", "tokens_per_s")
            yield {f"train/{name}": getattr(position, name) for name in names}, step
