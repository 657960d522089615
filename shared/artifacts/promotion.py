"""How a bundle becomes its owner's champion, and how the one before returns.

<root>/<owner>/promotions/<time>-<12 hex>.json   the evidence: why, and what was before it
<root>/.promotion.lock                           held by a promotion or rollback
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared.artifacts.aliases import CHAMPION
from shared.artifacts.manifest import ManifestT
from shared.artifacts.store import Store
from shared.errors import ConflictError, NotFoundError
from shared.files import locked, write_atomic

_FOLDER = "promotions"
_LOCK_FILE = ".promotion.lock"


class GateResult(BaseModel, frozen=True, extra="forbid"):
    """One gate: whether it holds, what was found, what was asked for, and what helps."""

    gate: str
    holds: bool
    found: str
    limit: str
    remedy: str


def promoting(root: Path) -> AbstractContextManager[None]:
    """Keeps a second promotion or rollback out of a store; it ends with the process.

    Raises:
        ConflictError: one is under way.
    """
    refusal = f"another promotion or rollback is under way in {root}: wait for it"
    return locked(root / _LOCK_FILE, refusal=refusal)


def change_champion(
    store: Store[ManifestT],
    owner: str,
    bundle_id: str,
    *,
    before: str | None,
    evidence: Mapping[str, Any],
    at_s: float,
) -> Path:
    """Writes the evidence, then lets the champion of an owner be this bundle.

    Returns the evidence's file. Where the alias cannot be changed, the file is deleted.

    Raises:
        ConflictError: the champion is not `before` any more.
        ArtifactError: the store refuses the bundle.
    """
    now = store.named(owner)
    if now != before:
        raise ConflictError(
            f"the champion of {owner} became {now} meanwhile, and {before} was judged: try again"
        )
    at = datetime.fromtimestamp(at_s, UTC)
    digest = bundle_id.rpartition("@")[2]
    path = store.root / owner / _FOLDER / f"{at:%Y%m%dT%H%M%S%f}-{digest}.json"
    said = {"at": at.isoformat(timespec="seconds"), "from": before, "to": bundle_id, **evidence}
    write_atomic(path, f"{json.dumps(said, indent=2)}\n".encode())
    try:
        store.set_alias(owner, CHAMPION, bundle_id)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def roll_back(store: Store[ManifestT], owner: str, *, command: str, at_s: float) -> tuple[str, str]:
    """Swaps the champion with the one before it; returns what it was and what it is.

    Raises:
        NotFoundError: the owner has no champion.
        ConflictError: there was none before it, or another promotion is under way.
        ArtifactError: the one before is corrupt or missing; nothing is changed.
    """
    with promoting(store.root):
        champion = store.aliases().get(owner, {}).get(CHAMPION)
        if champion is None:
            raise NotFoundError(
                f"the {store.kind.owner_noun} {owner} has no champion: {store.kind.listing}"
            )
        if champion.previous is None:
            raise ConflictError(
                f"{champion.bundle} is the first champion of {owner}: there is none before it"
            )
        evidence = {"action": "rollback", "command": command}
        change_champion(
            store,
            owner,
            champion.previous,
            before=champion.bundle,
            evidence=evidence,
            at_s=at_s,
        )
        return champion.bundle, champion.previous
