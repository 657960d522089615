"""Which bundle answers for a task now, and how a new champion takes over.

A champion is loaded beside the old one and takes over when it is ready; calls that are under way
keep the bundle that they began with. What cannot be loaded changes nothing: the old champion goes
on, and `faults` says why.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Protocol

from shared.clock import Clock
from shared.errors import NotFoundError, PlatformError
from shared.models.bundle import Bundle
from shared.models.registry import CHAMPION, Registry

LOGGER = logging.getLogger(__name__)

_RETRY_S = 30.0


class Loader(Protocol):
    """What puts a verified bundle into the model."""

    def load(self, bundle: Bundle) -> None:
        """Raises ArtifactError where the bundle was made for another backbone."""


class ServedBundles:
    """The bundles that the model holds. Its methods may be called from any thread."""

    def __init__(self, registry: Registry, loader: Loader, clock: Clock) -> None:
        self._registry = registry
        self._loader = loader
        self._clock = clock
        self._loading = threading.Lock()
        self._loaded: dict[str, Bundle] = {}
        self._champions: Mapping[str, str] = {}
        self._faults: Mapping[str, str] = {}
        self._token: str | None = None
        self._retry_at_s = 0.0

    @property
    def champions(self) -> Mapping[str, Bundle]:
        """The bundle that answers for each task."""
        return {task: self._loaded[bundle_id] for task, bundle_id in self._champions.items()}

    @property
    def faults(self) -> Mapping[str, str]:
        """For each task whose champion could not be loaded: why."""
        return self._faults

    def find(self, name: str) -> Bundle | None:
        """The bundle that a task's name or a bundle's id stands for, or None if `load` is needed.

        Raises:
            NotFoundError: the task has no champion.
        """
        if "@" in name:
            return self._loaded.get(name)
        try:
            return self._loaded[self._champions[name]]
        except KeyError:
            fault = self._faults.get(name, "GET /v1/models lists those there are")
            raise NotFoundError(
                f"there is no task {name[:100]!r}: {fault}", param="model"
            ) from None

    def load(self, bundle_id: str) -> Bundle:
        """Reads, verifies and loads a bundle that is not loaded yet; this takes a while.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: the bundle is corrupt or made for another backbone.
        """
        with self._loading:
            bundle = self._loaded.get(bundle_id)
            if bundle is None:
                bundle = self._registry.bundle(bundle_id)
                self._loader.load(bundle)
                self._loaded[bundle_id] = bundle
        return bundle

    def refresh(self) -> None:
        """Follows the registry's aliases if they changed, or if it is time to retry a fault."""
        token = self._registry.change_token()
        due = bool(self._faults) and self._clock.monotonic() >= self._retry_at_s
        if token == self._token and not due:
            return
        self._retry_at_s = self._clock.monotonic() + _RETRY_S
        self._token = token
        try:
            aliases = self._registry.aliases()
        except PlatformError as error:
            self._report({"aliases": str(error)})
            return
        champions: dict[str, str] = {}
        faults: dict[str, str] = {}
        for task, named in aliases.items():
            if CHAMPION not in named:
                continue
            wanted = named[CHAMPION].bundle
            try:
                champions[task] = self.load(wanted).id
            except PlatformError as error:
                faults[task] = f"{wanted} cannot be served: {error}"
                if task in self._champions:
                    champions[task] = self._champions[task]
        self._champions = champions
        self._report(faults)

    def _report(self, faults: Mapping[str, str]) -> None:
        for task, fault in faults.items():
            if self._faults.get(task) != fault:
                serving = self._champions.get(task, "nothing")
                LOGGER.error(
                    "a champion is not served",
                    extra={"task": task, "fault": fault, "serving": serving},
                )
        self._faults = faults
