"""The bundles that are evaluated, by the names that people give them."""

from shared.artifacts.aliases import CANDIDATE, CHAMPION
from shared.errors import ConflictError, NotFoundError
from shared.models.bundle import Bundle
from shared.models.registry import Registry


def find_bundle(registry: Registry, name: str, *aliases: str) -> Bundle:
    """The bundle of an id, or the first of the aliases that a task has.

    Raises:
        NotFoundError: the bundle does not exist, or the task has none of the aliases.
        ArtifactError: it is corrupt.
    """
    if "@" in name:
        return registry.bundle(name)
    named = registry.aliases().get(name, {})
    for alias in aliases:
        if alias in named:
            return registry.bundle(registry.resolve(name, alias))
    has = f"it has {', '.join(sorted(named))}" if named else "`banyan models` lists the tasks"
    raise NotFoundError(f"the task {name[:100]!r} has no {' and no '.join(aliases)}: {has}")


def find_champion(registry: Registry, task: str) -> Bundle | None:
    """The champion of a task, or None where it has none."""
    if CHAMPION not in registry.aliases().get(task, {}):
        return None
    return registry.bundle(registry.resolve(task))


def find_candidate(registry: Registry, name: str) -> Bundle:
    """The bundle that shall become the champion of its task.

    Raises:
        ConflictError: it is that already.
    """
    bundle = find_bundle(registry, name, CANDIDATE)
    champion = find_champion(registry, bundle.manifest.task)
    if champion is not None and champion.id == bundle.id:
        raise ConflictError(f"{bundle.id} is the champion of {bundle.manifest.task} already")
    return bundle
