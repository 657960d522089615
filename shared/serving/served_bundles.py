"""Which bundle answers for a task now, and how a new champion takes over.

A champion is loaded beside the old one and takes over when it is ready; calls that are under way
keep the bundle that they began with. What cannot be loaded changes nothing: the old champion goes
on, and `faults` says why.

A bundle on a further backbone that is not loaded yet is known, and loaded by the first call. One
that ships for a further backbone which nobody has configured is left out: that is no fault.

A bundle stays loaded, since whatever names it (an index names the one that made it) calls again;
all but those with their own backbone are small. Of these a bounded number is kept, and one
that is not a champion's goes when nobody has called it for a while, or when another needs its
place.
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.artifacts.aliases import CHAMPION
from shared.clock import Clock
from shared.errors import ConflictError, NotFoundError, PlatformError
from shared.models.bundle import Bundle, own_backbone_sha256
from shared.models.registry import Registry

LOGGER = logging.getLogger(__name__)

_RETRY_S = 30.0
_SETTLED_S = 1.0
"""A row whose caller has gone may be on its way into a batch that has not looked up its bundle."""


class Loader(Protocol):
    """What puts a verified bundle into the model, one at a time."""

    def defers(self, bundle: Bundle) -> bool:
        """Whether to load a bundle would load a backbone that nobody needed yet."""

    def reads(self, bundle: Bundle) -> bool:
        """Whether the bundle's backbone is here, loaded or not."""

    def load(self, bundle: Bundle) -> None:
        """Raises ArtifactError where the bundle was made for another backbone."""

    def unload(self, bundle_id: str) -> None:
        """Frees what only this bundle needs."""


class ServedBundles:
    """The bundles that the model holds. Its methods may be called from any thread."""

    def __init__(
        self,
        registry: Registry,
        loader: Loader,
        clock: Clock,
        *,
        max_backbones: int,
        idle_backbone_s: float,
    ) -> None:
        self._registry = registry
        self._loader = loader
        self._clock = clock
        self._max_backbones = max_backbones
        self._idle_backbone_s = idle_backbone_s
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._loaded: dict[str, Bundle] = {}
        self._deferred: dict[str, Bundle] = {}
        self._champions: Mapping[str, str] = {}
        self._held: Counter[str] = Counter()
        self._called_at_s: dict[str, float] = {}
        self._faults: Mapping[str, str] = {}
        self._left_out: Mapping[str, str] = {}
        self._token: str | None = None
        self._retry_at_s = 0.0

    @property
    def champions(self) -> Mapping[str, Bundle]:
        """The bundle that answers for each task."""
        with self._lock:
            known = self._deferred | self._loaded
            return {task: known[bundle_id] for task, bundle_id in self._champions.items()}

    @property
    def faults(self) -> Mapping[str, str]:
        """For each task whose champion could not be loaded: why."""
        return self._faults

    def find(self, name: str) -> Bundle | None:
        """The bundle that a task's name or a bundle's id stands for, or None if `load` is needed.

        Raises:
            NotFoundError: the task has no champion.
        """
        with self._lock:
            return self._find(name)

    def hold(self, name: str) -> str | None:
        """The id of what `find` finds, which stays loaded until `let_go` gets it.

        Raises:
            NotFoundError: the task has no champion.
        """
        with self._lock:
            bundle = self._find(name)
            if bundle is None:
                return None
            self._held[bundle.id] += 1
            return bundle.id

    def let_go(self, bundle_ids: Sequence[str]) -> None:
        """Gives back what `hold` gave, in one call for all of a caller's."""
        now_s = self._clock.monotonic()
        with self._lock:
            for bundle_id in bundle_ids:
                self._held[bundle_id] -= 1
                self._called_at_s[bundle_id] = now_s

    def load(self, name: str) -> Bundle:
        """Reads, verifies and loads what `find` did not find; this takes a while.

        Raises:
            NotFoundError: no bundle has the id, or the task has no champion.
            ArtifactError: the bundle is corrupt or made for another backbone.
            ConflictError: it has its own backbone, and there is no place for that.
        """
        with self._loading:
            bundle_id = name if "@" in name else self._champion(name)
            bundle = self._loaded.get(bundle_id)
            if bundle is None:
                bundle = self._registry.bundle(bundle_id)
                self._make_place(bundle)
                self._loader.load(bundle)
            with self._lock:
                self._loaded[bundle_id] = bundle
                self._called_at_s[bundle_id] = self._clock.monotonic()
                self._deferred.pop(bundle_id, None)
        return bundle

    def refresh(self) -> None:
        """Follows the registry's aliases if they changed, or if it is time to retry a fault."""
        with self._loading:
            self._free(self._idle_backbone_s)
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
        left_out: dict[str, str] = {}
        for task, named in aliases.items():
            if CHAMPION not in named:
                continue
            wanted = named[CHAMPION].bundle
            try:
                bundle = self._known(wanted) or self._registry.bundle(wanted)
                if self._registry.ships(bundle) and not self._loader.reads(bundle):
                    left_out[task] = bundle.manifest.backbone.name
                    continue
                self._defer_or_load(bundle)
                champions[task] = wanted
                # At once, so that the next one does not take its place in memory.
                self._champions = {**self._champions, task: wanted}
            except PlatformError as error:
                faults[task] = f"{wanted} cannot be served: {error}"
                if task in self._champions:
                    champions[task] = self._champions[task]
        with self._lock:
            serving = champions.values()
            self._deferred = {id_: each for id_, each in self._deferred.items() if id_ in serving}
            self._champions = champions
            self._left_out = left_out
        self._report(faults)

    def _find(self, name: str) -> Bundle | None:
        return self._loaded.get(name if "@" in name else self._champion(name))

    def _champion(self, task: str) -> str:
        """The id of the bundle that answers for a task; its backbone may not be loaded yet."""
        try:
            return self._champions[task]
        except KeyError:
            fault = self._faults.get(task, "GET /v1/models lists those there are")
            if backbone := self._left_out.get(task):
                fault = f"its backbone {backbone} is not configured: see backbones"
            raise NotFoundError(
                f"there is no task {task[:100]!r}: {fault}", param="model"
            ) from None

    def _known(self, bundle_id: str) -> Bundle | None:
        """A bundle that was read and verified before; None where it was not."""
        return self._loaded.get(bundle_id) or self._deferred.get(bundle_id)

    def _defer_or_load(self, bundle: Bundle) -> None:
        """Loads a champion, unless its backbone is one that nobody needed yet."""
        if not self._loader.defers(bundle):
            self.load(bundle.id)
            return
        with self._lock:
            self._deferred[bundle.id] = bundle

    def _backbones(self) -> dict[str, list[str]]:
        """The backbones of loaded bundles beside the first, each with the ids of its bundles."""
        backbones: dict[str, list[str]] = {}
        for bundle_id, bundle in self._loaded.items():
            if sha256 := own_backbone_sha256(bundle.manifest):
                backbones.setdefault(sha256, []).append(bundle_id)
        return backbones

    def _make_place(self, bundle: Bundle) -> None:
        """Sees to it that a bundle's own backbone, if it has one, is not one too many."""
        sha256 = own_backbone_sha256(bundle.manifest)
        if sha256 is None or sha256 in self._backbones():
            return
        if len(self._backbones()) >= self._max_backbones:
            self._free(_SETTLED_S, most=1)
        loaded = self._backbones()
        if len(loaded) >= self._max_backbones:
            names = ", ".join(sorted(name for names in loaded.values() for name in names))
            raise ConflictError(
                f"{bundle.id} has its own backbone, and {len(loaded)} of those are in use "
                f"({names or 'none is allowed'}): raise encoder.max_backbones (now "
                f"{self._max_backbones}) if memory allows, or train it with method lora",
                param="model",
            )

    def _free(self, idle_s: float, most: int | None = None) -> None:
        """Unloads the backbones that are not a champion's and not called for `idle_s`.

        Those that were called the longest ago go first, at most so many.
        """
        now_s = self._clock.monotonic()
        idle: list[tuple[float, list[str]]] = []
        with self._lock:
            champions = set(self._champions.values())
            for bundle_ids in self._backbones().values():
                called_at_s = max(self._called_at_s[each] for each in bundle_ids)
                needed = any(each in champions or self._held[each] for each in bundle_ids)
                if not needed and now_s - called_at_s >= idle_s:
                    idle.append((called_at_s, bundle_ids))
            freed = [each for _, bundle_ids in sorted(idle)[:most] for each in bundle_ids]
            for bundle_id in freed:
                del self._loaded[bundle_id]
        for bundle_id in freed:
            self._loader.unload(bundle_id)
            LOGGER.info("a backbone that nobody uses is unloaded", extra={"bundle": bundle_id})

    def _report(self, faults: Mapping[str, str]) -> None:
        for task, fault in faults.items():
            if self._faults.get(task) != fault:
                serving = self._champions.get(task, "nothing")
                LOGGER.error(
                    "a champion is not served",
                    extra={"task": task, "fault": fault, "serving": serving},
                )
        self._faults = faults
