"""Artefacts by name: immutable bundles below a root, and aliases that say which of them serves.

    <root>/aliases.json                  see `shared.artifacts.aliases`
    <root>/<owner>/<12 hex>/             a bundle: its files and its manifest
    <root>/<owner>/promotions/           see `shared.artifacts.promotion`

An owner is what a bundle serves: a task of the trunk, a model of the recommendation. A bundle is
content-addressed, by the first 12 hex of its manifest's SHA-256, and so immutable: another byte is
another id.
"""

import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from shared.artifacts.aliases import CHAMPION, AliasFile, AliasTable
from shared.artifacts.manifest import ManifestT, check_files, read_manifest, seal
from shared.errors import ArtifactError, ConflictError, NotFoundError
from shared.files import new_folder, sync_folder

_HEX_DIGITS = 12
_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,30}")
_REMEDY = "restore it from a backup or train it again"


@dataclass(frozen=True)
class Artifact(Generic[ManifestT]):
    """A verified bundle: `id` is `<owner>@<12 hex>`."""

    id: str
    folder: Path
    manifest: ManifestT


@dataclass(frozen=True, slots=True)
class Kind(Generic[ManifestT]):
    """What bundles of one kind have in common.

    `noun` and `owner_noun` are what messages call a bundle and its owner, `listing` says where
    those that exist are found. `owner_form` is the regular expression of owners' names, which are
    safe as names of folders, and `owner` finds a bundle's. `check` raises ArtifactError where
    manifest and files contradict each other.
    """

    noun: str
    owner_noun: str
    owner_form: str
    listing: str
    model: type[ManifestT]
    owner: Callable[[ManifestT], str]
    check: Callable[[Path, ManifestT], None]

    def parse_id(self, bundle_id: str) -> tuple[str, str]:
        """Splits `<owner>@<12 hex>` into its two parts, both safe as names of folders.

        Raises:
            NotFoundError: the id has another form, so no bundle can have it.
        """
        match = re.fullmatch(rf"({self.owner_form})@([0-9a-f]{{{_HEX_DIGITS}}})", bundle_id)
        if match is None:
            raise NotFoundError(
                f"{bundle_id[:100]!r} is not the id of a {self.noun}: expected <{self.owner_noun}>"
                f"@<{_HEX_DIGITS} hex digits>"
            )
        return match[1], match[2]

    def read(self, folder: Path) -> Artifact[ManifestT]:
        """Reads a bundle and verifies every file of it.

        Raises:
            ArtifactError: the manifest is missing or malformed, or a file is missing, extra, a
                link, or not what its hash says.
        """
        manifest, sha256 = read_manifest(folder, self.model)
        check_files(folder, manifest.files, remedy=_REMEDY)
        self.check(folder, manifest)
        return Artifact(f"{self.owner(manifest)}@{sha256[:_HEX_DIGITS]}", folder, manifest)

    def write(
        self, root: Path, manifest: ManifestT, write_files: Callable[[Path], None]
    ) -> Artifact[ManifestT]:
        """Writes `<root>/<owner>/<12 hex>/` whole or not at all, and returns it verified.

        `write_files` puts every file but the manifest into the folder that it gets.
        `manifest.files` is ignored and made from what was written. The same content written twice
        is one bundle.

        Raises:
            ArtifactError: what `write_files` wrote does not fit the manifest, the manifest may not
                be written, or the bundle's place holds something corrupt.
        """
        owner_folder = root / self.owner(manifest)
        written = owner_folder / f".written.{uuid.uuid4().hex}"
        with new_folder(written) as aside:
            write_files(aside)
            sha256 = seal(aside, manifest)
            self.check(aside, read_manifest(aside, self.model)[0])
        try:
            return self._settle(written, owner_folder / sha256[:_HEX_DIGITS])
        finally:
            shutil.rmtree(written, ignore_errors=True)

    def _settle(self, written: Path, folder: Path) -> Artifact[ManifestT]:
        """Gives a written folder its content's name; a copy that is there already stays."""
        try:
            written.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        else:
            sync_folder(folder.parent)
        return self.read(folder)


class Store(Generic[ManifestT]):
    """Bundles of one kind and their aliases below `root`, laid over read-only `shipped` ones.

    A bundle is looked up in the root and then among the shipped ones; an alias of the root wins
    over the shipped one. `check_servable` raises ArtifactError for what no alias may name.
    `initial` is what serves before the first bundle, where something does: an alias can return to
    it, and it has no folder.

    Any number of processes may read and write one root: folders and `aliases.json` are replaced
    whole, and writers of aliases wait for each other.
    """

    def __init__(
        self,
        root: Path,
        kind: Kind[ManifestT],
        check_servable: Callable[[Artifact[ManifestT]], object],
        *,
        shipped: Path | None = None,
        initial: str | None = None,
    ) -> None:
        self.root = root
        self.kind = kind
        self._check_servable = check_servable
        self._initial = initial
        self._places = [root] if shipped is None else [root, shipped]
        self._files = [AliasFile(place, kind.owner_form) for place in self._places]

    def write(
        self, manifest: ManifestT, write_files: Callable[[Path], None]
    ) -> Artifact[ManifestT]:
        """See `Kind.write`."""
        return self.kind.write(self.root, manifest, write_files)

    def register(self, folder: Path) -> Artifact[ManifestT]:
        """Verifies a bundle, refuses what cannot be served, and copies it below the root.

        Raises:
            ArtifactError: the bundle is corrupt, or cannot be served: the message has the reason.
        """
        bundle = self.kind.read(folder)
        self._check_servable(bundle)
        owner, digest = self.kind.parse_id(bundle.id)
        place = self.root / owner / digest
        if not place.exists():
            _copy(folder, place)
        return self.bundle(bundle.id)

    def bundle(self, bundle_id: str) -> Artifact[ManifestT]:
        """The bundle with this id, verified.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: its folder holds something else.
        """
        folder = self._folder(bundle_id)
        if folder is None:
            raise NotFoundError(f"there is no {self.kind.noun} {bundle_id}: {self.kind.listing}")
        bundle = self.kind.read(folder)
        if bundle.id != bundle_id:
            raise ArtifactError(
                f"{folder} holds {bundle.id}: its manifest was changed or the folder renamed; "
                f"{_REMEDY}"
            )
        return bundle

    def ships(self, artifact: Artifact[ManifestT]) -> bool:
        """Whether a bundle is one of the shipped ones."""
        return artifact.folder.parent.parent in self._places[1:]

    def named(self, owner: str, alias: str = CHAMPION) -> str | None:
        """The id that an alias of an owner names; None where there is no such alias.

        Raises:
            ArtifactError: an `aliases.json` is malformed.
        """
        found = self.aliases().get(owner, {}).get(alias)
        return None if found is None else found.bundle

    def resolve(self, owner: str, alias: str = CHAMPION) -> str:
        """The id of the bundle that an alias of an owner names.

        Raises:
            NotFoundError: the owner has no such alias.
            ArtifactError: the alias names a bundle that is not there.
        """
        named = self.named(owner, alias)
        if named is None:
            raise NotFoundError(
                f"the {self.kind.owner_noun} {owner[:100]!r} has no {alias} {self.kind.noun}: "
                "register one"
            )
        if named != self._initial and self._folder(named) is None:
            raise ArtifactError(
                f"{alias} of {owner} names {named}, which is not in {self.root}: "
                "restore it, or set the alias to another bundle"
            )
        return named

    def set_alias(self, owner: str, alias: str, bundle_id: str) -> None:
        """Lets an alias name a bundle of its owner; what it named before becomes `previous`.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: the bundle is corrupt or cannot be served.
            ConflictError: the bundle belongs to another owner, or the alias has no usable form.
        """
        if bundle_id != self._initial:
            bundle = self.bundle(bundle_id)
            self._check_servable(bundle)
            if (other := self.kind.owner(bundle.manifest)) != owner:
                raise ConflictError(
                    f"{bundle_id} is for the {self.kind.owner_noun} {other}, not for {owner}"
                )
        if _ALIAS.fullmatch(alias) is None:
            raise ConflictError(
                f"{alias[:100]!r} cannot be an alias: use lower-case letters, digits and -"
            )
        before = self.named(owner, alias)
        if before != bundle_id:
            self._files[0].point(owner, alias, bundle_id, first=before or self._initial)

    def aliases(self) -> AliasTable:
        """Every alias by owner and name, the root's over the shipped ones.

        Raises:
            ArtifactError: an `aliases.json` is malformed.
        """
        table: AliasTable = {}
        for file in reversed(self._files):
            for owner, named in file.table().items():
                table.setdefault(owner, {}).update(named)
        return table

    def change_token(self) -> str:
        """A value that changes exactly when the aliases do; cheap enough to ask every second."""
        return " ".join(file.change_token() for file in self._files)

    def _folder(self, bundle_id: str) -> Path | None:
        owner, digest = self.kind.parse_id(bundle_id)
        folders = (place / owner / digest for place in self._places)
        return next((folder for folder in folders if folder.is_dir()), None)


def _copy(folder: Path, place: Path) -> None:
    """Copies a bundle whole or not at all; another process may have done the same meanwhile."""
    try:
        with new_folder(place) as aside:
            shutil.copytree(folder, aside, dirs_exist_ok=True)
    except (OSError, ArtifactError):
        if not place.is_dir():
            raise
