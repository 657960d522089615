"""The models that rank, by name: champions of trained rankers, and `default`, which always exists.

A process that serves sees another champion at its next request.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from shared.errors import NotFoundError
from shared.ranking.rankers.bundle import is_model_name
from shared.ranking.rankers.registry import BLEND, open_rankers, read_scorer
from shared.ranking.rankers.scorer import Scorer

DEFAULT_MODEL = "default"


@dataclass(frozen=True, slots=True)
class _Loaded:
    bundle: str
    scorer: Scorer


class Scorers:
    """Champions below `root`; each is read once, and again when its alias names another one."""

    def __init__(self, root: Path) -> None:
        self._registry = open_rankers(root)
        self._loaded: dict[str, _Loaded] = {}
        self._loading = threading.Lock()

    def get(self, model: str) -> Scorer:
        """The scorer of a model; of `default` before there is a champion, the linear blend.

        Raises:
            NotFoundError: there is no model of this name.
            ArtifactError: its files are corrupt, or it was trained on other features.
        """
        bundle = self._registry.named(model) if is_model_name(model) else None
        if bundle is None:
            if model != DEFAULT_MODEL:
                raise NotFoundError(
                    f"there is no model {model!r}: {DEFAULT_MODEL!r} always exists, others are "
                    "made by `banyan recommend train`"
                )
            bundle = BLEND
        loaded = self._loaded.get(model)
        if loaded is not None and loaded.bundle == bundle:
            return loaded.scorer
        # What served before goes on while one request reads the next one.
        if not self._loading.acquire(blocking=loaded is None) and loaded is not None:
            return loaded.scorer
        try:
            loaded = self._loaded.get(model)
            if loaded is None or loaded.bundle != bundle:
                loaded = self._loaded[model] = _Loaded(bundle, read_scorer(self._registry, bundle))
        finally:
            self._loading.release()
        return loaded.scorer
