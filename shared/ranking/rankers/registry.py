"""Trained rankers by name: bundles below a root, and aliases that say which of them serves.

Before the first one is the blend, which can be gone back to under the id `BLEND`.
"""

from pathlib import Path

from shared.artifacts.store import Store
from shared.errors import ArtifactError
from shared.ranking.rankers.blend import LinearBlend
from shared.ranking.rankers.bundle import RANKER, RANKER_FILE, RankerBundle, RankerManifest
from shared.ranking.rankers.scorer import Scorer

BLEND = "blend"

Rankers = Store[RankerManifest]


def open_rankers(root: Path) -> Rankers:
    """The rankers below `root`; those trained on other features than today's get no alias."""
    return Store(root, RANKER, _read, initial=BLEND)


def read_scorer(rankers: Rankers, bundle_id: str) -> Scorer:
    """What an alias names, ready to score: the ranker of a bundle, or the blend.

    Raises:
        NotFoundError: no bundle has the id.
        ArtifactError: it is corrupt, or was trained on other features.
    """
    return LinearBlend() if bundle_id == BLEND else _read(rankers.bundle(bundle_id))


def _read(bundle: RankerBundle) -> Scorer:
    # LightGBM brings 100 MB of other libraries: a process without a trained ranker has no use
    # for them.
    from shared.ranking.rankers.ranker import LightGbmRanker

    try:
        return LightGbmRanker.read(bundle.folder / RANKER_FILE, bundle.manifest.blend)
    except ArtifactError as error:
        manifest = bundle.manifest
        raise ArtifactError(
            f"{bundle.id} cannot serve: {error}. It was made by `{manifest.command}`; "
            f"`banyan recommend rollback --model {manifest.model}` goes back to what served "
            "before it"
        ) from error
