"""A file of names for immutable things: what an alias names now, and what it named before.

    <root>/aliases.json   {"<owner>": {"<alias>": {"bundle": id, "previous": id or null}}}

Any number of processes may read and write one file: it is replaced whole, and writers wait for
each other.
"""

import hashlib
import json
import re
from pathlib import Path

from pydantic import BaseModel, RootModel, ValidationError

from shared.errors import ArtifactError
from shared.files import locked, write_atomic
from shared.validation.faults import joined, json_faults_of

CHAMPION = "champion"
CANDIDATE = "candidate"

_FILE = "aliases.json"
_LOCK_FILE = ".aliases.lock"


class Alias(BaseModel, frozen=True, extra="forbid"):
    """What an alias names now, and what it named before (to roll back to)."""

    bundle: str
    previous: str | None = None


AliasTable = dict[str, dict[str, Alias]]


class _Aliases(RootModel[AliasTable]):
    """The content of the file."""


class AliasFile:
    """The aliases below a root; there are none before the first is set.

    `owner_form` is the regular expression of owners' names.
    """

    def __init__(self, root: Path, owner_form: str) -> None:
        self._root = root
        self._owner_form = re.compile(owner_form)

    def table(self) -> AliasTable:
        """Every alias, by owner and name.

        Raises:
            ArtifactError: the file is malformed.
        """
        content = self._content()
        try:
            table = _Aliases.model_validate_json(content).root
        except ValidationError as error:
            raise self._malformed(joined(json_faults_of(error, content))) from None
        for owner in table:
            if self._owner_form.fullmatch(owner) is None:
                raise self._malformed(f"{owner[:100]!r} cannot be a name")
        return table

    def change_token(self) -> str:
        """A value that changes exactly when the aliases do; cheap enough to ask every second."""
        return hashlib.sha256(self._content()).hexdigest()

    def point(self, owner: str, alias: str, bundle: str, *, first: str | None = None) -> None:
        """Lets an alias name a bundle; what it named before becomes `previous`.

        `first` is what an alias that is new is taken to have named before.
        """
        with locked(self._root / _LOCK_FILE):
            table = self.table()
            named = table.setdefault(owner, {})
            before = named.get(alias)
            if before is not None and before.bundle == bundle:
                return
            named[alias] = Alias(bundle=bundle, previous=before.bundle if before else first)
            content = _Aliases(table).model_dump(mode="json")
            text = json.dumps(content, sort_keys=True, indent=2)
            write_atomic(self._root / _FILE, f"{text}\n".encode())

    def _malformed(self, reason: str) -> ArtifactError:
        return ArtifactError(
            f"{self._root / _FILE} is malformed: {reason}; restore it from a backup"
        )

    def _content(self) -> bytes:
        try:
            return (self._root / _FILE).read_bytes()
        except FileNotFoundError:
            return b"{}"
