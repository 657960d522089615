"""The real trunk in this process, without the platform: for measuring what stands on it."""

import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from services.backbone.config import BackboneSettings
from services.backbone.model import start_encoder
from shared.models.source import BackboneConfig
from shared.models.tasks import EmbedOutput, Priority, TaskCall, TaskOutput
from shared.serving.trunk import Trunk


@asynccontextmanager
async def real_trunk(
    cache: Path | None = None,
    bundle: Path | None = None,
    *further: Path,
    chinese: Path | None = None,
) -> AsyncIterator[Trunk]:
    """The embedded backbone with the bundles that ship, and with those in the folders given.

    `cache` keeps vectors between runs; `chinese` is a further backbone's folder.
    """
    with tempfile.TemporaryDirectory() as state_dir:
        for folder in filter(None, (bundle, *further)):
            shutil.copytree(folder, Path(state_dir) / "models" / folder.parent.name / folder.name)
        backbones = {} if chinese is None else {"zh": BackboneConfig(source=str(chinese))}
        encoder = start_encoder(BackboneSettings(state_dir=Path(state_dir), backbones=backbones))
        try:
            yield encoder if cache is None else CachedTrunk(encoder, cache)
        finally:
            encoder.close()


class CachedTrunk:
    """A trunk that computes an `embed` call of a bundle only if its cache folder lacks it."""

    def __init__(self, trunk: Trunk, cache: Path) -> None:
        self._trunk = trunk
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    async def encode(
        self,
        calls: Sequence[TaskCall],
        *,
        app: str,
        priority: Priority = Priority.INTERACTIVE,
        timeout_s: float | None = None,
    ) -> list[TaskOutput]:
        """Answers one call after another."""
        outputs: list[TaskOutput] = []
        for call in calls:
            path = self._path(call)
            if path.exists():
                outputs.append(EmbedOutput(call.task, 0, np.load(path)))
                continue
            (output,) = await self._trunk.encode(
                [call], app=app, priority=priority, timeout_s=timeout_s
            )
            if isinstance(output, EmbedOutput) and "@" in call.task:
                np.save(path, output.vectors)
            outputs.append(output)
        return outputs

    def _path(self, call: TaskCall) -> Path:
        key = "\0".join([call.task, *map(str, call.inputs)])
        return self._cache / f"{hashlib.sha256(key.encode()).hexdigest()}.npy"


def bundle_id(folder: Path) -> str:
    """The id of the bundle in a registry's folder, which is `<task>/<id>`."""
    return f"{folder.parent.name}@{folder.name}"
