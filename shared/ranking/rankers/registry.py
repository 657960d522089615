"""Trained rankers by name: bundles below a root, and aliases that say which of them serves.

Before the first one is the blend, which can be gone back to under the id `BLEND`.
"""

from pathlib import Path

from shared.artifacts.aliases import CHAMPION, Alias, AliasFile
from shared.errors import ArtifactError, ConflictError, NotFoundError
from shared.ranking.rankers.blend import LinearBlend
from shared.ranking.rankers.bundle import (
    RANKER_FILE,
    RankerBundle,
    RankerManifest,
    ranker_folder,
    read_ranker_bundle,
    write_ranker,
)
from shared.ranking.rankers.scorer import Scorer

BLEND = "blend"


class RankerRegistry:
    """Bundles of rankers and their aliases below `root`; any number of processes may use it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._aliases = AliasFile(root)

    def add(self, manifest: RankerManifest, trees: str) -> RankerBundle:
        """Writes a bundle; the same one again is that one.

        Raises:
            ArtifactError: its place holds something corrupt.
        """
        return write_ranker(self.root, manifest, trees)

    def bundle(self, bundle_id: str) -> RankerBundle:
        """The bundle with this id, verified.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: its folder holds something else.
        """
        folder = ranker_folder(self.root, bundle_id)
        if not folder.is_dir():
            raise NotFoundError(f"there is no ranker {bundle_id}: train one")
        return read_ranker_bundle(folder)

    def scorer(self, bundle_id: str) -> Scorer:
        """What an alias names, ready to score: the ranker of a bundle, or the blend.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: it is corrupt, or was trained on other features.
        """
        if bundle_id == BLEND:
            return LinearBlend()
        bundle = self.bundle(bundle_id)
        # LightGBM brings 100 MB of other libraries: a process without a trained ranker has no use
        # for them.
        from shared.ranking.rankers.ranker import LightGbmRanker

        try:
            return LightGbmRanker.read(bundle.folder / RANKER_FILE, bundle.manifest.blend)
        except ArtifactError as error:
            manifest = bundle.manifest
            raise ArtifactError(
                f"{bundle_id} cannot serve: {error}. It was made by `{manifest.command}`; "
                f"`banyan recommend rollback --model {manifest.model}` goes back to what served "
                "before it"
            ) from error

    def named(self, model: str, alias: str = CHAMPION) -> str | None:
        """The id of the bundle that an alias of a model names; None where there is no such alias.

        Raises:
            ArtifactError: the file of aliases is malformed.
        """
        found = self.aliases(model).get(alias)
        return None if found is None else found.bundle

    def aliases(self, model: str) -> dict[str, Alias]:
        """The aliases of a model by name.

        Raises:
            ArtifactError: the file of aliases is malformed.
        """
        return self._aliases.table().get(model, {})

    def change_token(self) -> str:
        """A value that changes exactly when the aliases do."""
        return self._aliases.change_token()

    def set_alias(self, model: str, alias: str, bundle_id: str) -> None:
        """Lets an alias name a bundle of its model; what it named before becomes `previous`.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: the bundle is corrupt, or was trained on other features.
            ConflictError: the bundle belongs to another model.
        """
        if self.bundle(bundle_id).manifest.model != model:
            raise ConflictError(f"{bundle_id} is for another model than {model}")
        self.scorer(bundle_id)
        self._aliases.point(model, alias, bundle_id, first=BLEND)

    def roll_back(self, model: str) -> Alias:
        """Lets the champion be again what it was before.

        Raises:
            NotFoundError: it named nothing before, or what it named is gone.
            ArtifactError: what it named is corrupt, or was trained on other features.
        """
        champion = self.aliases(model).get(CHAMPION)
        if champion is not None and champion.previous is not None:
            self.scorer(champion.previous)
        return self._aliases.roll_back(model, CHAMPION)
