"""Names for bundles: a folder of them with aliases, over a read-only folder that ships.

    <root>/aliases.json         {"<task>": {"<alias>": {"bundle": id, "previous": id or null}}}
    <root>/<task>/<12 hex>/     see `shared.models.bundle`

A bundle is looked up in the root and then among the shipped ones; an alias of the root wins over
the shipped one. This module holds no torch.
"""

import re
import shutil
from pathlib import Path

from pydantic import RootModel

from shared.artifacts.aliases import CHAMPION, Alias, AliasFile, AliasTable
from shared.errors import ArtifactError, ConflictError, NotFoundError
from shared.files import new_folder
from shared.models.adapter_config import read_adapter_config, read_virtual_tokens
from shared.models.bundle import (
    ADAPTER_CONFIG_FILE,
    BACKBONE_FOLDER,
    Bundle,
    Method,
    TaskName,
    parse_bundle_id,
    read_bundle,
)
from shared.models.source import locate_folder

SHIPPED = Path(__file__).parent / "shipped"

_ALIAS = re.compile(r"[a-z][a-z0-9-]{0,30}")


class _Aliases(RootModel[dict[TaskName, dict[str, Alias]]]):
    """The content of `aliases.json`: task, alias, bundle."""


class Registry:
    """Bundles and their aliases below `root`, laid over the shipped ones.

    Any number of processes may read and write one root: folders and `aliases.json` are replaced
    whole, and writers of aliases wait for each other.
    """

    def __init__(self, root: Path, shipped: Path | None = SHIPPED) -> None:
        self.root = root
        self._places = [root] if shipped is None else [root, shipped]
        self._files = [AliasFile(place, _Aliases) for place in self._places]

    def register(self, folder: Path) -> Bundle:
        """Verifies a bundle, refuses what cannot be served, and copies it below the root.

        Raises:
            ArtifactError: the bundle is corrupt, or of a kind that is not served (DoRA, biases or
                whole modules in the adapter, code or pickles in its backbone): the message has
                the reason.
        """
        bundle = read_bundle(folder)
        _check_servable(bundle)
        task, digest = parse_bundle_id(bundle.id)
        place = self.root / task / digest
        if not place.exists():
            _copy(folder, place)
        return self.bundle(bundle.id)

    def bundle(self, bundle_id: str) -> Bundle:
        """The bundle with this id, verified.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: its folder holds something else.
        """
        folder = self._folder(bundle_id)
        if folder is None:
            raise NotFoundError(
                f"there is no bundle {bundle_id}: `banyan models` lists those there are"
            )
        bundle = read_bundle(folder)
        if bundle.id != bundle_id:
            raise ArtifactError(
                f"{folder} holds {bundle.id}: its manifest was changed or the folder renamed; "
                "restore or train the bundle again"
            )
        return bundle

    def resolve(self, task: str, alias: str = CHAMPION) -> str:
        """The id of the bundle that an alias of a task names.

        Raises:
            NotFoundError: the task has no such alias.
            ArtifactError: the alias names a bundle that is not there.
        """
        named = self.aliases().get(task, {}).get(alias)
        if named is None:
            raise NotFoundError(f"the task {task[:100]!r} has no {alias} bundle: register one")
        if self._folder(named.bundle) is None:
            raise ArtifactError(
                f"{alias} of {task} names {named.bundle}, which is not in {self.root}: "
                "restore it, or set the alias to another bundle"
            )
        return named.bundle

    def set_alias(self, task: str, alias: str, bundle_id: str) -> None:
        """Lets an alias name a bundle of its task; what it named before becomes `previous`.

        Raises:
            NotFoundError: no bundle has the id.
            ArtifactError: the bundle is corrupt or cannot be served.
            ConflictError: the bundle belongs to another task, or the alias has no usable form.
        """
        bundle = self.bundle(bundle_id)
        _check_servable(bundle)
        if bundle.manifest.task != task:
            raise ConflictError(f"{bundle_id} is for task {bundle.manifest.task}, not for {task}")
        if _ALIAS.fullmatch(alias) is None:
            raise ConflictError(
                f"{alias[:100]!r} is no alias: expected lower-case letters, digits and -"
            )
        before = self.aliases().get(task, {}).get(alias)
        if before is None or before.bundle != bundle_id:
            first = None if before is None else before.bundle
            self._files[0].point(task, alias, bundle_id, first=first)

    def aliases(self) -> AliasTable:
        """Every alias by task and name, the root's over the shipped ones.

        Raises:
            ArtifactError: an `aliases.json` is malformed.
        """
        table: AliasTable = {}
        for file in reversed(self._files):
            for task, named in file.table().items():
                table.setdefault(task, {}).update(named)
        return table

    def change_token(self) -> str:
        """A value that changes exactly when the aliases do; cheap enough to ask every second."""
        return " ".join(file.change_token() for file in self._files)

    def _folder(self, bundle_id: str) -> Path | None:
        task, digest = parse_bundle_id(bundle_id)
        folders = (place / task / digest for place in self._places)
        return next((folder for folder in folders if folder.is_dir()), None)


def _check_servable(bundle: Bundle) -> None:
    match bundle.manifest.method:
        case Method.LORA:
            read_adapter_config(bundle.folder / ADAPTER_CONFIG_FILE)
        case Method.PROMPT:
            read_virtual_tokens(bundle.folder / ADAPTER_CONFIG_FILE)
        case Method.FULL:
            locate_folder(bundle.folder / BACKBONE_FOLDER, bundle.id)
        case Method.NONE | Method.HEAD:
            pass


def _copy(folder: Path, place: Path) -> None:
    """Copies a bundle whole or not at all; another process may have done the same meanwhile."""
    try:
        with new_folder(place) as aside:
            shutil.copytree(folder, aside, dirs_exist_ok=True)
    except (OSError, ArtifactError):
        if not place.is_dir():
            raise
