import threading
from pathlib import Path

import pytest

from shared.artifacts.aliases import AliasFile
from shared.errors import ArtifactError

OWNERS = "[a-z0-9]+"


def test_an_alias_remembers_what_it_named_before(tmp_path: Path) -> None:
    aliases = AliasFile(tmp_path, OWNERS)
    assert aliases.table() == {}
    aliases.point("a", "champion", "a@1", first="none")
    assert aliases.table()["a"]["champion"].previous == "none"
    aliases.point("a", "champion", "a@2")
    aliases.point("a", "champion", "a@2")
    aliases.point("b", "champion", "b@1")

    champion = aliases.table()["a"]["champion"]

    assert (champion.bundle, champion.previous) == ("a@2", "a@1")
    assert aliases.table()["b"]["champion"].previous is None


def test_the_token_changes_with_the_aliases(tmp_path: Path) -> None:
    aliases = AliasFile(tmp_path, OWNERS)
    tokens = [aliases.change_token()]
    for bundle in ("a@1", "a@2", "a@2"):
        aliases.point("a", "champion", bundle)
        tokens.append(AliasFile(tmp_path, OWNERS).change_token())
    assert len(set(tokens)) == 3


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=AliasFile(tmp_path, OWNERS).point, args=(f"t{n}", "champion", "x"))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(AliasFile(tmp_path, OWNERS).table()) == 20


@pytest.mark.parametrize("content", ["", "[]", '{"a": {"champion": {}}}', '{"../a": {}}'])
def test_a_malformed_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "aliases.json").write_text(content)
    with pytest.raises(ArtifactError, match="malformed"):
        AliasFile(tmp_path, OWNERS).table()
