"""The evidence beside the aliases: why a bundle is a task's champion, and what was before it.

<registry>/<task>/promotions/<time>-<12 hex>.json
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.artifacts.aliases import CHAMPION
from shared.errors import ConflictError
from shared.files import write_atomic
from shared.models.bundle import parse_bundle_id
from shared.models.registry import Registry

_FOLDER = "promotions"
_LOCK_FILE = ".promotion.lock"


def change_champion(
    registry: Registry,
    bundle_id: str,
    *,
    before: str | None,
    evidence: Mapping[str, Any],
    at_s: float,
) -> Path:
    """Writes the evidence, then lets the champion of the bundle's task be this bundle.

    Returns the evidence's file. Where the alias cannot be changed, the file goes again.

    Raises:
        ConflictError: the champion is not `before` any more.
        ArtifactError: the registry refuses the bundle.
    """
    task, digest = parse_bundle_id(bundle_id)
    named = registry.aliases().get(task, {}).get(CHAMPION)
    now = None if named is None else named.bundle
    if now != before:
        raise ConflictError(
            f"the champion of {task} became {now} meanwhile, and {before} was judged: try again"
        )
    at = datetime.fromtimestamp(at_s, UTC)
    path = registry.root / task / _FOLDER / f"{at:%Y%m%dT%H%M%S%f}-{digest}.json"
    said = {"at": at.isoformat(timespec="seconds"), "from": before, "to": bundle_id, **evidence}
    write_atomic(path, f"{json.dumps(said, indent=2)}\n".encode())
    try:
        registry.set_alias(task, CHAMPION, bundle_id)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


@contextmanager
def promoting(root: Path) -> Iterator[None]:
    """Keeps a second promotion or rollback out of a registry; it ends with the process.

    Raises:
        ConflictError: one is under way.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK_FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                f"another promotion or rollback is under way in {root}: wait for it"
            ) from None
        yield
